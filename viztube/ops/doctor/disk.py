"""The disk below MEDIA_ROOT: whether uploads have room and can be written."""

import shutil
from tempfile import NamedTemporaryFile

from viztube.media.paths import incoming_folder
from viztube.media.uploads import RESERVED_BYTES, VIDEO_BYTES, require_room
from viztube.ops.doctor.findings import Finding, failed, first_line, ok, warning


def has_room() -> Finding:
    """Ask what an upload is asked: whether it fits without touching the reserve."""
    says = f"{shutil.disk_usage(incoming_folder()).free / 1e9:.1f} GB are free below MEDIA_ROOT"
    advice = (
        "Run `manage.py prune`, delete what else is on that disk, or give MEDIA_ROOT a larger one."
    )
    if not _fits(0):
        return failed(
            f"{says}, less than the reserve of {RESERVED_BYTES / 1e6:.0f} MB: every upload is "
            "refused.",
            advice,
        )
    if not _fits(VIDEO_BYTES):
        return warning(f"{says}: the largest videos are refused.", advice)
    return ok(f"{says}.")


def is_writable() -> Finding:
    """Write a file where uploads are received."""
    try:
        with NamedTemporaryFile(dir=incoming_folder()) as file:
            file.write(b"doctor")
    except OSError as error:
        return failed(
            f"Nothing can be written to incoming/ below MEDIA_ROOT: {first_line(error)}.",
            "Let the account that runs VizTube own MEDIA_ROOT and all below it.",
        )
    return ok("Uploads can be written.")


def _fits(size: int) -> bool:
    try:
        require_room(size)
    except OSError:
        return False
    return True
