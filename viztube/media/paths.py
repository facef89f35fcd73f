"""Names of things below the media root.

``p/<key>/`` holds published files, ``h/<key>/`` hidden ones; ``key`` is 128 random bits, and
knowing an address is the permission to fetch it. ``incoming/`` holds what is being received,
``trash/`` what is being deleted, ``slots/`` the locks by which commands on files take turns; none
of these is ever served.
"""

import re
import secrets
from pathlib import Path, PurePosixPath

from django.conf import settings

PUBLISHED = "p"
HIDDEN = "h"
INCOMING = "incoming"
TRASH = "trash"
SLOTS = "slots"

FOLDER_PATTERN = r"[ph]/[0-9a-f]{32}"
STORED_FOLDER_PATTERN = r"(p|h|incoming)/[0-9a-f]{32}"
# In a video's folder: one stream, whose master playlist is the entrance.
STREAM_FOLDER_PATTERN = r"hls-[0-9a-f]{8}"
MASTER = "master.m3u8"
# No segment may start with a dot, so no address can climb out of its folder.
SERVED_PATTERN = FOLDER_PATTERN + r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3}"

_PUBLIC_ID = re.compile(FOLDER_PATTERN + r"/[A-Za-z0-9_-]{1,80}")
_OWN_ADDRESS = re.compile(rf"https?://.*/({_PUBLIC_ID.pattern})(\.[a-z0-9]+)?")
_STORED_FOLDER = re.compile(STORED_FOLDER_PATTERN)


def incoming_folder() -> Path:
    """Return where uploads are received; it is made when it is not there yet."""
    folder = Path(settings.MEDIA_INCOMING)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_folder(area: str) -> str:
    """Return a fresh capability folder, like ``p/3f...``."""
    return f"{area}/{secrets.token_hex(16)}"


def new_stream_folder() -> str:
    """Return a fresh name for a stream in a video's folder, like ``hls-3f...``."""
    return f"hls-{secrets.token_hex(4)}"


def public_id_of(path: str) -> str:
    """Return what Cloudinary calls a path of ours: it keeps the extension apart."""
    return str(PurePosixPath(path).with_suffix(""))


def is_own_id(public_id: str) -> bool:
    """Tell whether a public id is one that we give, and not the service's before this one."""
    return bool(_PUBLIC_ID.fullmatch(public_id))


def own_id_in(address: str) -> str | None:
    """Return the public id of ours that an absolute address ends with, None for any other."""
    match = _OWN_ADDRESS.fullmatch(address)
    return match[1] if match else None


def is_stored_folder(path: str) -> bool:
    """Tell whether a path names one whole folder of ours: the only thing ever moved or deleted."""
    return bool(_STORED_FOLDER.fullmatch(path))
