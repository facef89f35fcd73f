"""What doctor says of certificates that openssl made and a server shows, nginx among them."""

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
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.stack import nginx_environ, production_environ, running_nginx

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")

HOST = "viztube.example"
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


@contextmanager
def showing(chain: Path, key: Path) -> Iterator[str]:
    """Run a server that shows a certificate to who asks for our host; yield its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    def refuse_others(_socket: object, name: str | None, _context: object) -> int | None:
        return None if name == HOST else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = refuse_others
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


@pytest.fixture(autouse=True)
def public_address(settings: Any) -> None:
    settings.HTTPS, settings.PUBLIC_URL = True, f"https://{HOST}"


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
def test_one_that_expires(
    settings: Any, sign: Sign, authority: Path, days: int, status: Status
) -> None:
    with showing(sign(days), authority / "site.key") as settings.TLS_SERVER:
        finding = certificate.is_good()

    assert finding.status is status
    # The day that has begun is not counted.
    assert f"{settings.TLS_SERVER} is good for {days - 1} days more" in finding.says
    assert ("certbot" in finding.advice) is (status is not Status.OK)


@pytest.mark.parametrize(("later", "says"), [(11, "expired on"), (-1, "not valid yet")])
def test_one_of_another_time(
    settings: Any,
    sign: Sign,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
    later: int,
    says: str,
) -> None:
    moment = timezone.now() + timedelta(days=later)
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    with showing(sign(10), authority / "site.key") as settings.TLS_SERVER:
        finding = certificate.is_good()

    assert finding.status is Status.FAILED
    assert says in finding.says


def test_the_self_signed_one_of_the_first_start(settings: Any, authority: Path) -> None:
    with showing(authority / "ca.pem", authority / "ca.key") as settings.TLS_SERVER:
        finding = certificate.is_good()

    assert finding.status is Status.FAILED
    assert "self-signed" in finding.says


def test_a_server_that_is_away_or_knows_another_host_only(
    settings: Any, sign: Sign, authority: Path
) -> None:
    settings.PUBLIC_URL = "https://another.example"
    with showing(sign(90), authority / "site.key") as settings.TLS_SERVER:
        findings = [certificate.is_good()]
    findings.append(certificate.is_good())  # nobody is there any longer

    for finding in findings:
        assert finding.status is Status.FAILED
        assert f"{settings.TLS_SERVER} shows no certificate: " in finding.says
        assert "TLS_SERVER" in finding.advice


def test_plain_http_has_none(settings: Any) -> None:
    settings.HTTPS = False

    assert certificate.is_good().status is Status.NOT_CHECKED


@pytest.mark.slow
@linux_only
def test_nginx_shows_its_own_to_who_does_not_come_from_cloudflare(
    settings: Any, sign: Sign, authority: Path
) -> None:
    with temporary_data_dir() as folder:
        folder.chmod(0o711)
        told = nginx_environ(folder, production_environ(folder, 1), "127.0.0.1:1")
        live = Path(told["CERTIFICATES"], "live/viztube")
        live.mkdir(parents=True)
        shutil.copy(sign(50), live / "fullchain.pem")
        shutil.copy(authority / "site.key", live / "privkey.pem")
        settings.PUBLIC_URL = told["PUBLIC_URL"]
        settings.TLS_SERVER = f"https://127.0.0.1:{told['HTTPS_PORT']}"
        with running_nginx(folder, told):
            finding = certificate.is_good()
            settings.PUBLIC_URL = "https://another.example"
            other = certificate.is_good()

    assert finding.says == f"The certificate of {settings.TLS_SERVER} is good for 49 days more."
    assert other.status is Status.FAILED


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
