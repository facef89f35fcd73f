"""The clock of this machine, compared with others: tokens and signatures depend on it."""

import time
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from django.conf import settings

from viztube.media.notifications import MAX_AHEAD
from viztube.ops.doctor.certificate import distrustful
from viztube.ops.doctor.database import ask
from viztube.ops.doctor.findings import Finding, failed, first_line, not_checked, ok, warning

WARN_SECONDS = 5
# What is signed by another clock is refused from here on.
FAIL_SECONDS = MAX_AHEAD
TIMEOUT = 3  # seconds
CLOUDINARY = "https://api.cloudinary.com"


def agrees_with_database() -> Finding:
    """Compare with the clock of the database's machine."""
    began = time.time()
    theirs = float(ask("SELECT extract(epoch FROM clock_timestamp())"))
    return _compared(theirs - (began + time.time()) / 2, "the database's")


def agrees_with_outside() -> Finding:
    """Compare with the Date of an answer from Cloudinary, or else from our public address."""
    address = _reference()
    if address is None:
        return not_checked("There is no machine outside to ask for the time.")
    host = str(urlsplit(address).hostname)
    try:
        began = time.time()
        theirs = _date_of(address)
    except (OSError, HTTPException, ValueError) as error:
        return not_checked(f"{host} does not tell the time ({first_line(error)}).")
    # A Date has no fractions: it is half a second old on average.
    return _compared(theirs + 0.5 - (began + time.time()) / 2, f"that of {host}")


def _reference() -> str | None:
    if settings.CLOUDINARY_ACCOUNT is not None:
        return str(dict(settings.CLOUDINARY_ACCOUNT.options).get("upload_prefix", CLOUDINARY))
    return settings.PUBLIC_URL if settings.HTTPS else None


def _date_of(address: str) -> float:
    """Return the time in an answer. Raises OSError, HTTPException, ValueError.

    Certificates are not looked at: a clock that is wrong by much would refuse them all.
    """
    parts = urlsplit(address)
    host = str(parts.hostname)
    connection = (
        HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=distrustful())
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=TIMEOUT)
    )
    try:
        connection.request("HEAD", "/")
        date = connection.getresponse().getheader("Date", "")
    finally:
        connection.close()
    return parsedate_to_datetime(date).timestamp()


def _compared(ahead: float, whose: str) -> Finding:
    """Judge by how many seconds another clock is ahead of ours."""
    if abs(ahead) < WARN_SECONDS:
        return ok(f"This machine's clock and {whose} agree within {WARN_SECONDS} s.")
    tell = failed if abs(ahead) >= FAIL_SECONDS else warning
    return tell(
        f"This machine's clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} "
        f"{whose}.",
        "Set it by network time: `timedatectl set-ntp true`.",
    )
