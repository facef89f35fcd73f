"""Rules for the old tables of videos and of what people watched."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, ClassVar
from uuid import UUID

from dashboard.imports.rows import ADDRESS_LENGTH, Draft, Kind, OldRow, uuid_of
from users.models import User
from videos.models import DailyViews, ProcessingStatus, Video, WatchHistory
from viztube.media.paths import HIDDEN, PUBLISHED, new_folder

# Far more than the API takes, and little enough for the search column of every language.
TITLE_LENGTH = 5_000  # characters
DESCRIPTION_LENGTH = 50_000  # characters


class Videos(Kind):
    """Videos, whose files stay where they are."""

    name = "Video"
    model = Video
    references: ClassVar[dict[str, type[Any]]] = {"userId": User}
    texts: ClassVar[dict[str, int | None]] = {
        "title": TITLE_LENGTH,
        "description": DESCRIPTION_LENGTH,
        "videoFileUrl": ADDRESS_LENGTH,
        "videoFilePublicId": ADDRESS_LENGTH,
        "thumbnailUrl": ADDRESS_LENGTH,
        "thumbnailPublicId": ADDRESS_LENGTH,
    }
    others = ("views", "duration", "isPublished", "processingStatus", "createdAt", "updatedAt")
    # Their texts may be long.
    batch = 200

    def __init__(self) -> None:
        self._in_good_standing: set[UUID] = set()

    def prepare(self, rows: Sequence[OldRow]) -> None:
        """Look up whose videos everyone may see."""
        owners = {uuid_of(row["userId"]) for row in rows} - {None}
        self._in_good_standing = set(
            User.objects.channels().filter(pk__in=owners).values_list("pk", flat=True)
        )

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return a video without a folder of its own files; it gets a name for one all the same."""
        owner = draft.refer("userId", User)
        video_file = draft.web_address("videoFileUrl")
        published = bool(draft.old["isPublished"])
        if not video_file and published:
            draft.note("isPublished", "the video has no file", "is no longer published")
            published = False
        area = PUBLISHED if published and owner in self._in_good_standing else HIDDEN
        folder = new_folder(area)
        return {
            "user_id": owner,
            "title": draft.titled("title", TITLE_LENGTH),
            "description": draft.text("description", DESCRIPTION_LENGTH),
            "duration": draft.number("duration"),
            "views": draft.number("views"),
            "is_published": published,
            "processing_status": _processing_status(draft, has_file=bool(video_file)),
            "folder": folder,
            "stored_folder": folder,
            "video_file": video_file,
            "thumbnail_file": draft.web_address("thumbnailUrl"),
            "video_public_id": draft.text("videoFilePublicId", ADDRESS_LENGTH),
            "thumbnail_public_id": draft.text("thumbnailPublicId", ADDRESS_LENGTH),
            **draft.times(),
        }

    def imported(self, drafts: Sequence[Draft]) -> None:
        """Book all views on the day a video was made: nobody knows when they happened."""
        DailyViews.objects.bulk_create(
            DailyViews(
                video_id=draft.id,
                day=draft.values["created_at"].astimezone(UTC).date(),
                views=draft.values["views"],
            )
            for draft in drafts
            if draft.values["views"]
        )


class History(Kind):
    """When people last watched what."""

    name = "WatchHistory"
    model = WatchHistory
    references: ClassVar[dict[str, type[Any]]] = {"userId": User, "videoId": Video}
    others = ("watchedAt",)
    taken = "the same person has watched the same video here"

    def convert(self, draft: Draft) -> dict[str, Any]:
        """Return the entry as it is."""
        return {
            "user_id": draft.refer("userId", User),
            "video_id": draft.refer("videoId", Video),
            "watched_at": draft.time("watchedAt"),
        }


def _processing_status(draft: Draft, *, has_file: bool) -> str:
    """Return what holds now: nobody will finish what the old service was still processing."""
    old = draft.old["processingStatus"]
    if not has_file:
        status, reason = ProcessingStatus.FAILED, "the video has no file: its upload failed"
    elif old == ProcessingStatus.PROCESSING:
        status, reason = ProcessingStatus.COMPLETED, "its processing would never end, and it plays"
    elif old in ProcessingStatus.values:
        return str(old)
    else:
        status, reason = ProcessingStatus.COMPLETED, "no such processing status, and it plays"
    if old != status or not has_file:
        draft.note("processingStatus", reason, f"is now {status.value}")
    return status.value
