"""Fixtures of the tests of what people do with videos."""

from videos.tests.conftest import tiny_clip, tiny_clip_bytes

__all__ = ["tiny_clip", "tiny_clip_bytes"]
