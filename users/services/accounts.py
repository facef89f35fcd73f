"""Making accounts and changing what belongs to them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from users.devices import Device
from users.models import SecurityEventKind, User
from users.services.audit import record
from users.services.pictures import discard_picture, push_on_commit
from users.services.sessions import revoke_sessions
from users.services.shown import forget_person_on_commit
from viztube.api.errors import FieldError, UnsupportedMedia
from viztube.media.images import NotAnImage, store_image
from viztube.media.paths import PUBLISHED
from viztube.media.placement import place_on_commit
from viztube.media.uploads import working_folder


@dataclass(frozen=True)
class Picture:
    """A profile picture: its column, its name on the wire, its longest side in pixels."""

    column: str
    wire_name: str
    max_side: int


AVATAR = Picture("avatar", "avatar", 800)
COVER_IMAGE = Picture("cover_image", "coverImage", 2560)


def register(
    *,
    username: str,
    email: str,
    fullname: str,
    password: str,
    avatar: "UploadedFile[bytes] | None" = None,
    cover_image: "UploadedFile[bytes] | None" = None,
) -> User:
    """Create an account with its pictures; raises UnsupportedMedia, IntegrityError (taken)."""
    user = User(username=username, email=email, fullname=fullname, password=make_password(password))
    with ExitStack() as pictures:
        moves = [
            pictures.enter_context(_received(user, picture, upload))
            for picture, upload in ((AVATAR, avatar), (COVER_IMAGE, cover_image))
            if upload is not None
        ]
        with transaction.atomic():
            user.save(force_insert=True)
            for source, target in moves:
                place_on_commit(source, target)
            columns = [picture.column for picture in (AVATAR, COVER_IMAGE)]
            push_on_commit(user=user, columns=[name for name in columns if getattr(user, name)])
    return user


def replace_picture(*, user: User, picture: Picture, upload: "UploadedFile[bytes]") -> User:
    """Give a person another avatar or cover; the old one's address stops working."""
    with _received(user, picture, upload) as (source, target), transaction.atomic():
        # Two at once: each must discard what the other stored, so the second waits.
        old = User.objects.locked().get(pk=user.pk)
        user.save(update_fields=[picture.column, "updated_at"])
        forget_person_on_commit(old.username)
        place_on_commit(source, target)
        push_on_commit(user=user, columns=[picture.column])
        discard_picture(getattr(old, picture.column))
    return user


def update_account(*, user: User, changes: dict[str, Any]) -> User:
    """Change name, username or address; raises IntegrityError when taken."""
    with transaction.atomic():
        # Two at once: each must forget the name that the other gave.
        before = User.objects.locked().get(pk=user.pk).username
        for name, value in changes.items():
            setattr(user, name, value)
        user.save(update_fields=[*changes, "updated_at"])
        forget_person_on_commit(before, user.username)
    return user


def change_password(
    *, user: User, old_password: str, new_password: str, session_id: UUID, device: Device
) -> None:
    """Set a new password and end every other session; raises FieldError when the old is wrong."""
    with transaction.atomic():
        locked = User.objects.locked().get(pk=user.pk)
        right = locked.check_password(old_password)
        if right:
            # Not set_password, after which EndSessionsValidator would end this session too.
            locked.password = make_password(new_password)
            locked.save(update_fields=["password", "updated_at"])
            forget_person_on_commit(locked.username)
            revoke_sessions(user=locked, keep=session_id)
        done = SecurityEventKind.PASSWORD_CHANGED if right else SecurityEventKind.PASSWORD_WRONG
        record(done, user=locked, device=device)
    if not right:
        raise FieldError("oldPassword", "is not the current password")


@contextmanager
def _received(
    user: User, picture: Picture, upload: "UploadedFile[bytes]"
) -> Iterator[tuple[str, str]]:
    """Store a picture for a person; yield its working folder and the folder that becomes."""
    with working_folder() as folder:
        try:
            name = store_image(
                upload,
                folder.path,
                picture.column.replace("_", "-"),
                max_side=picture.max_side,
            )
        except NotAnImage as error:
            raise UnsupportedMedia(str(error), field=picture.wire_name) from error
        target = folder.placed_in(PUBLISHED)
        setattr(user, picture.column, f"{target}/{name}")
        yield folder.name, target
