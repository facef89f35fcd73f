"""Files in requests: what the documentation says they are.

Files are judged by their content when they are stored, never by the type a client declares.
"""

from typing import Any, ClassVar

from rest_framework import serializers

from viztube.media.picture_encoder import FORMATS


class SentFileField(serializers.FileField):
    """A file that somebody sends; an empty one is refused."""

    media_types: ClassVar[tuple[str, ...]]

    def documented(self) -> dict[str, Any]:
        """Return what OpenAPI says about this field in a request."""
        return {"minLength": 1}


class PictureField(SentFileField):
    """A picture that somebody sends."""

    media_types = tuple(f"image/{kind.lower()}" for kind in FORMATS)


class VideoField(SentFileField):
    """A video that somebody sends."""

    media_types = (
        "video/mp4",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
    )
