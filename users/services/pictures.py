"""Profile pictures on Cloudinary: sending them there from this disk, and taking them away."""

import logging
from collections.abc import Collection, Iterator
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, F, Func, Q

from users.models import User
from viztube.media.backends import Kind, MediaRefused, cloud
from viztube.media.paths import is_own_id, is_stored_folder, public_id_of
from viztube.media.placement import discard_on_commit
from viztube.media.tasks import delete_folder, remove_from_cloud

logger = logging.getLogger(__name__)

COLUMNS = ("avatar", "cover_image")


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
    backend = cloud()
    path = str(User.objects.filter(pk=user_id).values_list(column, flat=True).first() or "")
    folder, _, _ = path.rpartition("/")
    if backend is None or not is_stored_folder(folder):
        return False
    try:
        stored = backend.find(Kind.IMAGE, public_id_of(path)) or backend.add(
            folder, Path(settings.MEDIA_ROOT, path)
        )
    except MediaRefused as refusal:
        logger.warning("The %s of user %s stays here: %s", column, user_id, refusal)
        return False
    with transaction.atomic():
        rows = User.objects.filter(pk=user_id, **{column: path})
        # Nobody edited the account: updated_at stays.
        if rows.update(**{column: stored.address}):
            delete_folder.defer(folder=folder)
            return True
    if not User.objects.filter(pk=user_id, **{column: stored.address}).exists():
        # Replaced while it was being sent.
        backend.remove(Kind.IMAGE, stored.public_id)
    return False


def discard_picture(address: str) -> None:
    """Delete a picture that was replaced, wherever it is, once the transaction commits.

    A picture from before this service stays: nothing says whose it is.
    """
    folder = address.rpartition("/")[0]
    if is_stored_folder(folder):
        discard_on_commit(folder)
        return
    public_id = own_id_at(address)
    if public_id is not None:
        remove_from_cloud.defer(kind=Kind.IMAGE.value, public_id=public_id)


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
