"""The certificate that is served: how long it is good, and whether it is a real one."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from viztube.ops.doctor.findings import Finding, failed, first_line, not_checked, ok, warning

WARN_DAYS = 20
FAIL_DAYS = 7
TIMEOUT = 3  # seconds
RENEW = "Let certbot renew it; its log says why it did not. nginx takes it up within a minute."

_UTC_TIME, _CONTEXT_0 = 0x17, 0xA0


@dataclass(frozen=True)
class Certificate:
    """From when and until when a certificate is good, and whether it vouches for itself."""

    begins: datetime
    ends: datetime
    is_self_signed: bool


def is_good() -> Finding:
    """Ask TLS_SERVER for the certificate that it has for the host of PUBLIC_URL."""
    if not settings.HTTPS:
        return not_checked("PUBLIC_URL is not https.")
    server = settings.TLS_SERVER
    try:
        certificate = parse(_shown_by(server, str(urlsplit(settings.PUBLIC_URL).hostname)))
    except OSError as error:
        return failed(
            f"{server} shows no certificate: {first_line(error)}.",
            "Look whether nginx runs; if it cannot be reached from here, let TLS_SERVER name it.",
        )
    except ValueError:
        return failed(f"What {server} shows is no certificate.", RENEW)
    return _judged(certificate, server)


def distrustful() -> ssl.SSLContext:
    """Return a way to talk TLS to anybody: for looking at what they show, never for secrets."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def parse(der: bytes) -> Certificate:
    """Read the few fields of an X.509 certificate that count here (RFC 5280, section 4.1).

    Python's ssl tells them of certificates that it trusts only. Raises ValueError.
    """
    (_, signed), *_ = _elements(der)
    (_, body), *_ = _elements(signed)
    fields = list(_elements(body))
    if fields and fields[0][0] == _CONTEXT_0:  # the version
        del fields[0]
    if len(fields) < 5:
        raise ValueError("a certificate has more fields")
    _serial, _algorithm, issuer, validity, subject = fields[:5]
    begins, ends = (_moment(*time) for time in _elements(validity[1]))
    return Certificate(begins, ends, is_self_signed=issuer == subject)


def _judged(certificate: Certificate, source: str) -> Finding:
    now = timezone.now()
    days = (certificate.ends - now).days
    if certificate.is_self_signed:
        return failed(
            f"The certificate of {source} is self-signed: browsers refuse it.",
            "Let certbot get one; its log says why it did not.",
        )
    if now < certificate.begins:
        return failed(f"The certificate of {source} is not valid yet.", "Check this clock.")
    if now >= certificate.ends:
        return failed(f"The certificate of {source} expired on {certificate.ends:%Y-%m-%d}.", RENEW)
    says = f"The certificate of {source} is good for {days} days more"
    if days < WARN_DAYS:
        return (failed if days < FAIL_DAYS else warning)(f"{says}.", RENEW)
    return ok(f"{says}.")


def _shown_by(server: str, host: str) -> bytes:
    """Return the certificate that a server has for a host, trusted or not. Raises OSError."""
    parts = urlsplit(server)
    with (
        socket.create_connection((parts.hostname, parts.port or 443), timeout=TIMEOUT) as plain,
        distrustful().wrap_socket(plain, server_hostname=host) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element of DER (X.690, section 8.1). Raises ValueError."""
    while data:
        if len(data) < 2:
            raise ValueError("cut off")
        tag, length, start = data[0], data[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            raise ValueError("cut off")
        yield tag, data[start : start + length]
        data = data[start + length :]


def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:  # two digits for the year, up to 2049
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
