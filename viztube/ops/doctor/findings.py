"""What a check says."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check ended; only ``FAILED`` needs somebody now."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Finding:
    """How a check ended, in a sentence, and what to do next when it is not ok."""

    status: Status
    says: str
    advice: str = ""


def ok(says: str) -> Finding:
    """Return that all is well."""
    return Finding(Status.OK, says)


def warning(says: str, advice: str) -> Finding:
    """Return what somebody should see to soon."""
    return Finding(Status.WARNING, says, advice)


def failed(says: str, advice: str) -> Finding:
    """Return what does not work, or is about to stop working."""
    return Finding(Status.FAILED, says, advice)


def not_checked(says: str) -> Finding:
    """Return why there was nothing to check."""
    return Finding(Status.NOT_CHECKED, says)


def first_line(error: BaseException) -> str:
    """Return what an exception says, in one line without a full stop; its name when nothing."""
    return str(error).strip().partition("\n")[0].removesuffix(".") or type(error).__name__
