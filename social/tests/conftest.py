"""Fixtures of the tests of what people do with videos."""

from videos.tests.conftest import stranger_client, tiny_clip, tiny_clip_bytes

__all__ = ["stranger_client", "tiny_clip", "tiny_clip_bytes"]
