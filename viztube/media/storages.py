"""django-cloudinary-storage's storages, made to fit: exact names, chunks, time-outs.

Theirs read a whole file into memory, let Cloudinary change names, and wait without end. Here what
goes up or is deleted does none of that; for looking up and reading there is ``CloudinaryBackend``.
"""

from pathlib import PurePath
from typing import Any

import cloudinary.uploader
from cloudinary_storage.storage import MediaCloudinaryStorage, VideoMediaCloudinaryStorage
from django.core.files import File
from urllib3 import Timeout

# Seconds to connect (and for each part of what is sent to get away), and to wait for an answer.
TIMEOUT = Timeout(connect=10, read=30)
# The last chunk is answered once Cloudinary has looked at the whole video.
UPLOAD_TIMEOUT = Timeout(connect=10, read=120)
# Cloudinary takes no less than 5 MB. The SDK keeps about three copies of a chunk in memory.
CHUNK_BYTES = 6_000_000

Answer = dict[str, Any]


class ImageStorage(MediaCloudinaryStorage):  # type: ignore[misc]
    """Pictures, each under the very public id that it is given."""

    def upload(self, public_id: str, content: "File[bytes]", **options: Any) -> Answer:
        """Send a file; one that is there under this id is not replaced, and described instead.

        Raises what the SDK raises: ``cloudinary.exceptions.Error`` and its subclasses.
        """
        answer: Answer = self._upload(
            public_id,
            content,
            **self._common(public_id),
            public_id=public_id,
            # Its extension helps Cloudinary; the rest of the path is nobody's business.
            filename=PurePath(str(content.name)).name,
            overwrite=False,
            timeout=UPLOAD_TIMEOUT,
            **options,
        )
        return answer

    def _upload(self, name: str, content: "File[bytes]", **options: Any) -> Answer:
        answer: Answer = cloudinary.uploader.upload(content, **options)
        return answer

    def delete(self, name: str) -> bool:
        """Delete a file and every copy at the edge; gone already is fine."""
        answer = cloudinary.uploader.destroy(
            name, invalidate=True, timeout=TIMEOUT, **self._common(name)
        )
        return bool(answer["result"] == "ok")

    def _common(self, name: str) -> Answer:
        return {"resource_type": self._get_resource_type(name), "type": "upload"}


class VideoStorage(VideoMediaCloudinaryStorage, ImageStorage):  # type: ignore[misc]
    """Videos, sent in chunks."""

    def _upload(self, name: str, content: "File[bytes]", **options: Any) -> Answer:
        answer: Answer = cloudinary.uploader.upload_large(
            content, chunk_size=CHUNK_BYTES, **options
        )
        return answer
