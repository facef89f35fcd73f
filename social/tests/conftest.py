"""Fixtures of the tests of what people do with videos."""

from social.tests.purged import ann
from videos.tests.conftest import stranger_client, tiny_clip, tiny_clip_bytes

__all__ = ["ann", "stranger_client", "tiny_clip", "tiny_clip_bytes"]
