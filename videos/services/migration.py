"""Moving the whole library between this machine's disk and Cloudinary, one file after another.

Nothing notes how far a run came: rows say where each file is, so the next run goes on by itself. A
file is removed where it was by a job, written in the transaction that lets the row name the copy.
"""

import errno
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q, QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob

from users.models import User
from users.services.pictures import (
    COLUMNS,
    PictureReplaced,
    fetch_picture,
    own_id_at,
    send_picture,
)
from videos.models import Video
from videos.services.assets import SLOTS, assets_of, is_here, lock_of
from videos.services.homecoming import NotMoved, RowChanged, bring_home
from videos.services.placement import settle
from videos.services.pushes import send_next
from viztube.media.backends import (
    FolderMissing,
    Kind,
    MediaMissing,
    MediaRefused,
    MediaUnavailable,
    cloud,
)
from viztube.media.paths import STORED_FOLDER_PATTERN, is_stored_folder
from viztube.media.uploads import RESERVED_BYTES

BATCH = 300  # rows in memory
# Before a file is tried for the second and the third time.
PAUSES = (5.0, 30.0)  # seconds
# Any number, as long as nobody else locks it.
ADVISORY_LOCK = 0x76695F6D6F766573

# Jobs after which a file may be at Cloudinary, or no longer.
CLOUD_JOBS = (
    "videos.tasks.push_video",
    "videos.tasks.move_assets",
    "videos.tasks.remove_asset",
    "users.tasks.push_picture",
    "viztube.media.tasks.remove_from_cloud",
)


class Place(StrEnum):
    """Where the library may go."""

    CLOUDINARY = "cloudinary"
    LOCAL = "local"


class MigrationStopped(Exception):
    """Nothing can be moved now; the text says why, and what to do next."""


class Migration:
    """One run: where to, what it has moved, and what it has not.

    ``left`` counts what should have moved, by reason; each was told when it happened.
    ``staying`` counts what stays where it is on purpose.
    """

    def __init__(
        self, to: Place, *, advance: Callable[[int], object], tell: Callable[[str], object]
    ) -> None:
        """Take whom to tell of files that were looked at, and of each that cannot be moved."""
        self.moved = 0
        self.left: Counter[str] = Counter()
        self.staying: Counter[str] = Counter()
        self._to = to
        self._advance = advance
        self._tell = tell

    def count(self) -> int:
        """Return how many files may have to be moved."""
        condition = _is_here if self._to is Place.CLOUDINARY else _has_address
        picture = _is_own_picture if self._to is Place.CLOUDINARY else _has_address
        rows = [Video.objects.filter(condition(f"{slot}_file")) for slot in SLOTS]
        rows += [User.objects.filter(picture(column)) for column in COLUMNS]
        number: int = sum(found.count() for found in rows)
        return number

    def run(self) -> None:
        """Move what is not there yet. Raises MigrationStopped."""
        if self._to is Place.CLOUDINARY:
            self._send_videos()
            self._send_pictures()
            self.staying["files that demo videos share, on this disk"] += _shared_files()
        else:
            self._fetch_videos()
            self._fetch_pictures()

    def _send_videos(self) -> None:
        rows = Video.objects.filter(_is_here("video_file") | _is_here("thumbnail_file"))
        for video in _batched(rows.only("video_file", "thumbnail_file")):
            while self._attempt(f"video {video.pk}", partial(_send_video, video.pk)):
                pass
            self._advance(sum(is_here(video, slot) for slot in SLOTS))

    def _send_pictures(self) -> None:
        for user, column, _ in _pictures(_is_own_picture):
            self._attempt(f"{column} of user {user.pk}", partial(_send_picture, user.pk, column))
            self._advance(1)

    def _fetch_videos(self) -> None:
        rows = Video.objects.filter(_has_address("video_file") | _has_address("thumbnail_file"))
        columns = [f"{slot}_{what}" for slot in SLOTS for what in ("file", "public_id")]
        for video in _batched(rows.only(*columns)):
            here = {asset.slot for asset in assets_of(video)}
            for slot in SLOTS:
                if "://" not in getattr(video, f"{slot}_file"):
                    continue
                if slot in here:
                    name = "original" if slot == "video" else "poster"
                    self._attempt(
                        f"{name} of video {video.pk}", partial(bring_home, video.pk, slot)
                    )
                else:
                    self.staying["files at addresses outside this account"] += 1
                self._advance(1)

    def _fetch_pictures(self) -> None:
        backend = cloud()
        for user, column, address in _pictures(_has_address):
            if backend is None or backend.id_at(Kind.IMAGE, address) is None:
                self.staying["files at addresses outside this account"] += 1
            else:
                name = f"{column} of user {user.pk}"
                came = self._attempt(name, partial(_fetch_picture, user.pk, column))
                if came and own_id_at(address) is None:
                    self.staying["pictures of the old service, at Cloudinary as well as here"] += 1
            self._advance(1)

    def _attempt(self, name: str, move: Callable[[], bool]) -> bool:
        """Move a file; tell whether that was done. Raises MigrationStopped."""
        for pause in (*PAUSES, None):
            try:
                moved = move()
            except RowChanged:
                continue
            except MediaUnavailable as error:
                if pause is not None:
                    time.sleep(pause)
                    continue
                self._stop_if_away(name)
                return self._leave("not moved for other reasons", name, str(error))
            except (MediaRefused, MediaMissing, NotMoved) as error:
                return self._leave(*_why(error, name))
            except OSError as error:
                if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                    raise MigrationStopped(
                        f"At the {name}: the disk is full, but for {RESERVED_BYTES:,} bytes that "
                        "stay free. Make room below MEDIA_ROOT."
                    ) from error
                return self._leave(
                    "not moved for other reasons", name, f"The disk failed: {error.strerror}."
                )
            else:
                self.moved += moved
                return moved
        return self._leave(
            "not moved for other reasons", name, "It was being changed all the time."
        )

    def _stop_if_away(self, name: str) -> None:
        """Raise MigrationStopped if it is not one file alone that Cloudinary has trouble with."""
        backend = cloud()
        try:
            if backend is not None:
                backend.ping()
        except (MediaUnavailable, MediaRefused, MediaMissing) as error:
            raise MigrationStopped(f"At the {name}: {error}") from error

    def _leave(self, what: str, name: str, reason: str) -> bool:
        self.left[what] += 1
        self._tell(f"{name}: {reason}")
        return False


def _why(error: Exception, name: str) -> tuple[str, str, str]:
    """Return what is to be told of a file that Cloudinary or its row does not let go."""
    if isinstance(error, MediaMissing):
        return "missing where they should be", name, "The file is gone."
    if isinstance(error, MediaRefused):
        return "refused by Cloudinary", name, str(error)
    return "not moved for other reasons", name, str(error)


@contextmanager
def alone() -> Iterator[None]:
    """Keep other migrations away; raises MigrationStopped when one is running.

    Two in the same direction would send each file twice. One each way could let the job that
    follows the one remove what the other has just found in its place.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK])
        if not cursor.fetchone()[0]:
            raise MigrationStopped("Another migration is running: wait for its end.")
    try:
        yield
    finally:
        # With the connection the lock is gone too.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])


def waiting_cloud_jobs() -> int:
    """Return how many jobs wait that send files to Cloudinary, or rename or delete them there."""
    waiting: int = ProcrastinateJob.objects.filter(
        status__in=("todo", "doing", "failed"), task_name__in=CLOUD_JOBS
    ).count()
    return waiting


def _send_video(video_id: UUID) -> bool:
    """Send one file of a video; tell whether there was one.

    Raises OSError, MediaMissing, MediaUnavailable, MediaRefused, RowChanged, NotMoved.
    """
    # What came home has its old id again when it is sent again, and would be deleted with it.
    if ProcrastinateJob.objects.filter(
        status__in=("todo", "doing"),
        task_name="videos.tasks.remove_asset",
        lock=lock_of(video_id),
    ).exists():
        raise NotMoved("Its copy at Cloudinary is being deleted: let the worker finish that.")
    try:
        settle(video_id=video_id)
        # Looking first would use up the Admin API's limit after some hundred files.
        return send_next(video_id=video_id, look_first=False)
    except (FileNotFoundError, FolderMissing) as error:
        if not _is_missing(video_id):
            raise RowChanged from error
        raise MediaMissing from error


def _is_missing(video_id: UUID) -> bool:
    """Tell whether a file of a video is here by its row and not on the disk."""
    row = Video.objects.filter(pk=video_id).first()
    return row is not None and any(
        is_here(row, slot)
        and not Path(settings.MEDIA_ROOT, row.stored_folder, getattr(row, f"{slot}_file")).is_file()
        for slot in SLOTS
    )


def _send_picture(user_id: UUID, column: str) -> bool:
    """Send a picture; tell whether there was one.

    Raises OSError, MediaMissing, MediaUnavailable, MediaRefused, RowChanged.
    """
    try:
        return send_picture(user_id=user_id, column=column, look_first=False)
    except FileNotFoundError as error:
        path = str(User.objects.filter(pk=user_id).values_list(column, flat=True).first() or "")
        if (
            not is_stored_folder(path.rpartition("/")[0])
            or Path(settings.MEDIA_ROOT, path).exists()
        ):
            raise RowChanged from error
        raise MediaMissing from error


def _fetch_picture(user_id: UUID, column: str) -> bool:
    """Bring a picture home; tell whether there was one.

    Raises OSError, MediaMissing, MediaUnavailable, RowChanged.
    """
    try:
        return fetch_picture(user_id=user_id, column=column)
    except PictureReplaced as error:
        raise RowChanged from error


def _is_here(column: str) -> Q:
    """Return the condition under which a file is in its video's folder on this disk."""
    return ~Q(**{column: ""}) & ~Q(**{f"{column}__contains": "/"})


def _is_own_picture(column: str) -> Q:
    """Return the condition under which a picture has a folder of its own on this disk."""
    return Q(**{f"{column}__regex": f"^{STORED_FOLDER_PATTERN}/[^/]+$"})


def _has_address(column: str) -> Q:
    return Q(**{f"{column}__contains": "://"})


def _pictures(condition: Callable[[str], Q]) -> Iterator[tuple[User, str, str]]:
    """Yield people and each of their columns that fulfils a condition, with what it says."""
    for column in COLUMNS:
        rows = User.objects.filter(condition(column)).only(column)
        for user in _batched(rows):
            yield user, column, str(getattr(user, column))


def _shared_files() -> int:
    """Return how many files below the media root may be more than one row's."""
    shared: set[str] = set()
    for slot in SLOTS:
        column = f"{slot}_file"
        rows = Video.objects.filter(**{f"{column}__regex": "^[ph]/"})
        shared |= set(rows.values_list(column, flat=True).distinct())
    for column in COLUMNS:
        faces = User.objects.filter(**{f"{column}__regex": "^[ph]/"})
        faces = faces.exclude(_is_own_picture(column))
        shared |= set(faces.values_list(column, flat=True).distinct())
    return len(shared)


def _batched(rows: "QuerySet[Any]") -> Iterator[Any]:
    """Yield rows in the order of their ids, few at a time, each as it is when its turn comes."""
    last = None
    while batch := list((rows.filter(pk__gt=last) if last else rows).order_by("pk")[:BATCH]):
        yield from batch
        last = batch[-1].pk
