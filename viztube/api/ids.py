"""Primary keys: UUIDv7 (RFC 9562), which sort by the time they were made."""

from uuid import UUID

from uuid_utils.compat import uuid7 as _uuid7

from viztube.api.errors import not_found


def uuid7() -> UUID:
    """Return a new UUIDv7. (Python has its own from 3.14 on.)"""
    return _uuid7()


def id_or_404(text: str) -> UUID:
    """Return the id that an address names; a malformed one is 404 like an unknown one."""
    try:
        return UUID(text)
    except ValueError as error:
        raise not_found() from error
