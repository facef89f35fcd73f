"""Profile pictures on Cloudinary: sending them there from this disk, and taking them away."""

import logging
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, F, Func, Q

from users.models import User
from users.services.shown import forget_person_on_commit
from viztube.media.backends import Kind, MediaMissing, MediaRefused, cloud
from viztube.media.paths import PUBLISHED, is_own_id, is_stored_folder, public_id_of
from viztube.media.placement import discard_on_commit, place_on_commit
from viztube.media.queues import LATE_SECONDS
from viztube.media.tasks import delete_folder, remove_from_cloud
from viztube.media.uploads import working_folder

logger = logging.getLogger(__name__)

COLUMNS = ("avatar", "cover_image")


class PictureReplaced(Exception):
    """Somebody has another picture since we looked."""


class FolderIn(Func):
    """The capability folder in a path or an address, NULL where there is none."""

    function = "substring"
    template = "%(function)s(%(expressions)s from '[ph]/[0-9a-f]{32}')"
    output_field = CharField()


def push_on_commit(*, user: User, columns: list[str]) -> None:
    """See to it that new pictures go to Cloudinary, if that is in use."""
    # Late: jobs call this module.
    from users.tasks import push_picture

    if settings.CLOUDINARY_ACCOUNT is not None:
        for column in columns:
            push_picture.defer(user_id=str(user.pk), column=column)


def push_picture(*, user_id: UUID, column: str) -> bool:
    """Send a picture that is on this disk; tell whether there was one. Safe to repeat.

    What Cloudinary does not take stays here, and is served from here. Raises OSError,
    MediaUnavailable.
    """
    try:
        return send_picture(user_id=user_id, column=column)
    except MediaRefused as refusal:
        logger.warning("The %s of user %s stays here: %s", column, user_id, refusal)
        return False


def send_picture(*, user_id: UUID, column: str, look_first: bool = True) -> bool:
    """Send a picture that is on this disk; tell whether there was one. Safe to repeat.

    What is there already is not sent again if we ``look_first``, which costs a call of the
    rate-limited Admin API. Raises OSError, MediaUnavailable, MediaRefused.
    """
    backend = cloud()
    path = str(User.objects.filter(pk=user_id).values_list(column, flat=True).first() or "")
    folder, _, _ = path.rpartition("/")
    if backend is None or not is_stored_folder(folder):
        return False
    stored = backend.find(Kind.IMAGE, public_id_of(path)) if look_first else None
    if stored is None:
        stored = backend.add(folder, Path(settings.MEDIA_ROOT, path))
    with transaction.atomic():
        rows = User.objects.filter(pk=user_id, **{column: path})
        # Nobody edited the account: updated_at stays.
        if rows.update(**{column: stored.address}):
            _forget_on_commit(user_id)
            delete_folder.defer(folder=folder)
            return True
    if not User.objects.filter(pk=user_id, **{column: stored.address}).exists():
        # Replaced while it was being sent.
        backend.remove(Kind.IMAGE, stored.public_id)
    return False


def fetch_picture(*, user_id: UUID, column: str) -> bool:
    """Bring a picture from Cloudinary to this disk; tell whether there was one. Safe to repeat.

    A picture from before this service stays there as well: nothing says whose it is. Raises
    OSError, MediaMissing, MediaUnavailable, PictureReplaced.
    """
    backend = cloud()
    address = str(User.objects.filter(pk=user_id).values_list(column, flat=True).first() or "")
    public_id = backend.id_at(Kind.IMAGE, address) if backend else None
    if backend is None or public_id is None:
        return False
    rows = User.objects.filter(pk=user_id, **{column: address})
    extension = PurePosixPath(address).suffix.lower()
    if not re.fullmatch(r"\.[a-z0-9]{1,5}", extension):
        extension = ".jpg"
    # A folder of its own: a job may still be about to delete the one that it was sent from.
    with working_folder() as folder:
        file = folder.path / f"{column.replace('_', '-')}{extension}"
        try:
            backend.fetch(address, file)
        except MediaMissing:
            if not rows.exists():
                raise PictureReplaced(address) from None
            raise
        file.chmod(settings.FILE_UPLOAD_PERMISSIONS)
        with file.open("rb") as content:
            # On the disk even if the power fails: the other copy is about to go.
            os.fsync(content.fileno())
        target = folder.placed_in(PUBLISHED)
        with transaction.atomic():
            # Nobody edited the account: updated_at stays.
            if not rows.update(**{column: f"{target}/{file.name}"}):
                raise PictureReplaced(address)
            _forget_on_commit(user_id)
            place_on_commit(folder.name, target)
            if is_own_id(public_id):
                remove_from_cloud.defer(kind=Kind.IMAGE.value, public_id=public_id)
    return True


def _forget_on_commit(user_id: UUID) -> None:
    forget_person_on_commit(*User.objects.filter(pk=user_id).values_list("username", flat=True))


def discard_picture(address: str) -> None:
    """Delete a picture that was replaced, wherever it is, once the transaction commits.

    A picture from before this service stays: nothing says whose it is.
    """
    folder = address.rpartition("/")[0]
    is_here = is_stored_folder(folder)
    if is_here:
        discard_on_commit(folder)
    if settings.CLOUDINARY_ACCOUNT is None:
        return
    # A push that was cut off may have left it there, although the row does not say so.
    public_id = public_id_of(address) if is_here else own_id_at(address)
    for seconds in (0, LATE_SECONDS) if is_here else (0,):
        if public_id is not None:
            remove_from_cloud.configure(schedule_in={"seconds": seconds}).defer(
                kind=Kind.IMAGE.value, public_id=public_id
            )


def own_id_at(address: str) -> str | None:
    """Return the public id of a picture of ours that is on Cloudinary, None for any other."""
    backend = cloud() if "://" in address else None
    public_id = backend.id_at(Kind.IMAGE, address) if backend else None
    return public_id if public_id is not None and is_own_id(public_id) else None


def picture_folders(folders: Collection[str]) -> set[str]:
    """Return those of some folders, of the disk or on Cloudinary, that have somebody's picture."""
    used: set[str] = set()
    for column in COLUMNS:
        people = User.objects.annotate(used_folder=FolderIn(F(column)))
        used |= set(people.filter(used_folder__in=folders).values_list("used_folder", flat=True))
    return used


def missing_pictures() -> Iterator[str]:
    """Yield the pictures that are on this disk by their row and are not there."""
    here = Q(avatar__regex="^[ph]/") | Q(cover_image__regex="^[ph]/")
    for user in User.objects.filter(here).order_by("pk").iterator(500):
        for column in COLUMNS:
            path = str(getattr(user, column))
            if not is_stored_folder(path.rpartition("/")[0]) or _is_here(path):
                continue
            # It may have been replaced, or sent away, since the row was read.
            if User.objects.filter(pk=user.pk, **{column: path}).exists():
                yield f"{path} of user {user.pk}"


def _is_here(path: str) -> bool:
    return Path(settings.MEDIA_ROOT, path).is_file()
