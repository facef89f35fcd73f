"""Videos as lists and pages show them, read without making model instances."""

from typing import Any

from videos.files import VideoFiles
from videos.querysets import DETAILS
from viztube.api.statements import Record


class VideoRecord(VideoFiles, Record):
    """A video with its details and, as ``user``, its owner."""

    id: Any
    title: Any
    description: Any
    pending_views: int
    is_liked: bool | None
    subscribers_count: int
    is_subscribed: bool | None
    user: Any


OWN_COLUMNS = (
    "id",
    "title",
    "description",
    "duration",
    "width",
    "height",
    "views",
    "is_published",
    "user_id",
    "processing_status",
    "folder",
    "video_file",
    "thumbnail_file",
    "stream_file",
    "video_public_id",
    "thumbnail_public_id",
    "created_at",
    "updated_at",
    *DETAILS,
)
OWNER_COLUMNS = (
    "user__id",
    "user__username",
    "user__fullname",
    "user__avatar",
)
COLUMNS = (*OWN_COLUMNS, *OWNER_COLUMNS)
