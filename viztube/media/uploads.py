"""Receiving files: only those asked for, bounded while they arrive, kept apart until whole."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from viztube.api.errors import FieldError, TooLarge
from viztube.api.requests import content_length
from viztube.media.paths import INCOMING, incoming_folder, new_folder

VIDEO_BYTES = 100_000_000
IMAGE_BYTES = 10_000_000
# What stays free on the disk whatever is uploaded: databases and logs may share it.
RESERVED_BYTES = 200_000_000


class ReceivedFile(TemporaryUploadedFile):
    """An uploaded file on disk, deleted when it is closed unless it was moved.

    Its client's name is never used: names of any kind and length are fine.
    """

    def __init__(self, content_type: str) -> None:
        file = NamedTemporaryFile(  # noqa: SIM115 - closed with the upload
            dir=incoming_folder(), suffix=".upload"
        )
        UploadedFile.__init__(self, file, "upload", content_type, 0)


class LimitedUploadHandler(FileUploadHandler):
    """Write each uploaded file to disk below the media root, up to the limit of its field.

    Only one file in each field that the API view at hand declared is taken (``ApiViewSet``), and
    none at other addresses. Nothing of a file stays in memory, and storing it later is a rename.
    """

    chunk_size = 256 * 1024

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.file: ReceivedFile | None = None
        self.limit = 0
        self.fields_seen: set[str] = set()

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a body for which there is no room, before it is read; raises OSError."""
        if not getattr(self.request, "file_fields", None):
            return
        require_room(content_length(self.request))

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Start a file; raises FieldError for one not asked for, BadRequest where none ever is."""
        super().new_file(*args, **kwargs)
        declared: Mapping[str, int] | None = getattr(self.request, "file_fields", None)
        if declared is None:
            raise BadRequest("No file is taken here.")
        field = str(self.field_name)
        if field not in declared:
            raise FieldError(field, "takes no file")
        if field in self.fields_seen:
            raise FieldError(field, "takes one file only")
        self.fields_seen.add(field)
        self.limit = declared[field]
        self.file = ReceivedFile(self.content_type or "")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Append; raises TooLarge (413) as soon as the limit is passed."""
        if start + len(raw_data) > self.limit:
            self.upload_interrupted()
            raise TooLarge(f"may have at most {self.limit:,} bytes", field=self.field_name)
        # Again, because others may be receiving into the same room.
        require_room(len(raw_data))
        assert self.file is not None
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> ReceivedFile:
        """Hand the finished file over; it is deleted with the request unless it is moved."""
        file, self.file = self.file, None
        assert file is not None
        file.seek(0)
        file.size = file_size
        return file

    def upload_interrupted(self) -> None:
        """Delete what was received of the current file."""
        if self.file is not None:
            self.file.close()
            self.file = None


def require_room(size: int) -> None:
    """Raise OSError (ENOSPC) unless so many bytes fit and the reserve stays free."""
    if shutil.disk_usage(incoming_folder()).free < size + RESERVED_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class WorkingFolder:
    """A folder below ``incoming/`` in which the files of one upload are put together."""

    def __init__(self) -> None:
        self.name = new_folder(INCOMING)
        self.path = Path(settings.MEDIA_ROOT) / self.name

    def placed_in(self, area: str) -> str:
        """Return the folder that this one becomes, under the same key."""
        return self.name.replace(INCOMING, area, 1)

    def take(self, upload: "UploadedFile[bytes]", name: str) -> Path:
        """Move an uploaded file in, by rename."""
        target = self.path / name
        Path(upload.temporary_file_path()).rename(target)  # type: ignore[attr-defined]
        target.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        upload.close()
        return target


@contextmanager
def working_folder() -> Iterator[WorkingFolder]:
    """Make a working folder; whatever fails inside, nothing of it stays."""
    folder = WorkingFolder()
    folder.path.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
