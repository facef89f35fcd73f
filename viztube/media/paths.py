"""Names of things below the media root.

``p/<key>/`` holds published files, ``h/<key>/`` hidden ones; ``key`` is 128 random bits, and
knowing an address is the permission to fetch it. ``incoming/`` holds what is being received,
``trash/`` what is being deleted, ``slots/`` the locks by which commands on files take turns; none
of these is ever served.
"""

import re
import secrets
from pathlib import Path

from django.conf import settings

PUBLISHED = "p"
HIDDEN = "h"
INCOMING = "incoming"
TRASH = "trash"
SLOTS = "slots"

FOLDER_PATTERN = r"[ph]/[0-9a-f]{32}"
STORED_FOLDER_PATTERN = r"(p|h|incoming)/[0-9a-f]{32}"
# No segment may start with a dot, so no address can climb out of its folder.
SERVED_PATTERN = FOLDER_PATTERN + r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,80}){1,3}"

_STORED_FOLDER = re.compile(STORED_FOLDER_PATTERN)


def incoming_folder() -> Path:
    """Return where uploads are received; it is made when it is not there yet."""
    folder = Path(settings.MEDIA_INCOMING)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_folder(area: str) -> str:
    """Return a fresh capability folder, like ``p/3f...``."""
    return f"{area}/{secrets.token_hex(16)}"


def is_stored_folder(path: str) -> bool:
    """Tell whether a path names one whole folder of ours: the only thing ever moved or deleted."""
    return bool(_STORED_FOLDER.fullmatch(path))
