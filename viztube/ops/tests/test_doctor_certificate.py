"""What doctor says of certificates that openssl made, in files and shown by a server."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.utils import timezone

from viztube.ops.doctor import certificate
from viztube.ops.doctor.findings import Status

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

Sign = Callable[[int], Path]


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an authority that vouches for itself, and the request of a site."""
    folder = tmp_path_factory.mktemp("authority")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        *("req", "-x509", *new, "-days", "60", "-subj", "/CN=Bootstrap"),
        *("-keyout", "ca.key", "-out", "ca.pem"),
        folder=folder,
    )
    openssl(
        *("req", *new, "-subj", "/CN=viztube.example", "-keyout", "site.key", "-out", "site.csr"),
        folder=folder,
    )
    return folder


@pytest.fixture
def sign(authority: Path, tmp_path: Path) -> Sign:
    """Return a way to have the site's certificate signed for a number of days, as a chain."""

    def sign(days: int) -> Path:
        chain = tmp_path / "fullchain.pem"
        openssl(
            *("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-set_serial", "1", "-days", str(days), "-out", str(chain)),
            folder=authority,
        )
        chain.write_text(chain.read_text() + (authority / "ca.pem").read_text())
        return chain

    return sign


@pytest.mark.parametrize(
    ("days", "status"),
    [
        (90, Status.OK),
        (21, Status.OK),
        (20, Status.WARNING),
        (8, Status.WARNING),
        (7, Status.FAILED),
        (1, Status.FAILED),
    ],
)
def test_a_file_that_expires(settings: Any, sign: Sign, days: int, status: Status) -> None:
    settings.TLS_CERTIFICATE = sign(days)

    finding = certificate.is_good()
    assert finding.status is status
    # The day that has begun is not counted.
    assert f"good for {days - 1} days more" in finding.says
    assert ("certbot" in finding.advice) is (status is not Status.OK)


@pytest.mark.parametrize(("later", "says"), [(11, "expired on"), (-1, "not valid yet")])
def test_a_file_of_another_time(
    settings: Any, sign: Sign, monkeypatch: pytest.MonkeyPatch, later: int, says: str
) -> None:
    settings.TLS_CERTIFICATE = sign(10)
    moment = timezone.now() + timedelta(days=later)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)

    finding = certificate.is_good()
    assert finding.status is Status.FAILED
    assert says in finding.says


def test_the_self_signed_one_of_the_first_start(settings: Any, authority: Path) -> None:
    settings.TLS_CERTIFICATE = authority / "ca.pem"

    finding = certificate.is_good()
    assert finding.status is Status.FAILED
    assert "self-signed" in finding.says


def test_a_file_that_is_none_or_not_there(settings: Any, tmp_path: Path, sign: Sign) -> None:
    settings.TLS_CERTIFICATE = tmp_path / "missing.pem"
    assert certificate.is_good().status is Status.WARNING

    whole = sign(90).read_text()
    settings.TLS_CERTIFICATE = tmp_path / "odd.pem"
    lines = whole.splitlines()
    for text in ("", "hello", "\n".join([*lines[:3], *lines[-1:]]), "\xff" * 9):
        settings.TLS_CERTIFICATE.write_text(text)
        finding = certificate.is_good()
        assert (finding.status, finding.says) == (
            Status.FAILED,
            f"{settings.TLS_CERTIFICATE} is no certificate.",
        )


def test_every_cut_of_a_certificate_is_refused(sign: Sign) -> None:
    pem = sign(90).read_text()
    end = "-----END CERTIFICATE-----"
    der = ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)])
    assert not certificate.parse(der).is_self_signed
    for length in range(len(der)):
        with pytest.raises(ValueError, match=r"."):
            certificate.parse(der[:length])


def test_dates_are_those_that_openssl_reads(sign: Sign) -> None:
    pem = sign(10_000)  # after 2049, written in another form
    read = ssl.cert_time_to_seconds(
        subprocess.run(
            ["openssl", "x509", "-noout", "-enddate", "-in", str(pem)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()[len("notAfter=") :]
    )
    text = pem.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[: text.index("-----BEGIN", 5)])
    assert certificate.parse(der).ends.timestamp() == read
    assert certificate.parse(der).ends.year > 2049


@contextmanager
def showing(chain: Path, key: Path) -> Iterator[str]:
    """Run a server that shows a certificate to one caller; yield its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                plain, _ = server.accept()
                with plain, context.wrap_socket(plain, server_side=True) as secure:
                    secure.recv(1)

        thread = Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
    thread.join()


def test_without_a_file_the_public_address_is_asked(
    settings: Any, sign: Sign, authority: Path
) -> None:
    settings.HTTPS = True
    with showing(sign(10), authority / "site.key") as settings.PUBLIC_URL:
        finding = certificate.is_good()
    assert finding.status is Status.WARNING
    assert f"{settings.PUBLIC_URL} is good for 9 days more" in finding.says

    with showing(authority / "ca.pem", authority / "ca.key") as settings.PUBLIC_URL:
        assert certificate.is_good().status is Status.FAILED

    finding = certificate.is_good()  # nobody is there any longer
    assert finding.status is Status.WARNING
    assert "TLS_CERTIFICATE" in finding.advice


def test_plain_http_has_none(settings: Any) -> None:
    settings.HTTPS = False

    assert certificate.is_good().status is Status.NOT_CHECKED
