"""A renewed certificate is in use a minute later; what is broken is not taken up."""

import os
import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from viztube.ops.embedded import process
from viztube.ops.tests.edge import connection, running_edge, write_program
from viztube.ops.tests.processes import processes_mentioning
from viztube.ops.tests.stack import Stack, make_certificate, needs_nginx
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_nginx]

# What renew.sh takes for a minute here, in seconds.
MINUTE = 0.1


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Return nginx for which minutes pass quickly, and Cloudflare is not there."""
    write_program(tmp_path / "sleep", f"exec {shutil.which('sleep')} {MINUTE}")
    path = f"{tmp_path}:{os.environ['PATH']}"
    with running_edge("127.0.0.1:1", PATH=path, CLOUDFLARE_IPS="http://127.0.0.1:1") as stack:
        yield stack


@pytest.fixture
def renewed(tmp_path: Path) -> Path:
    """Return a folder with a new certificate and its key."""
    make_certificate(tmp_path / "renewed")
    return tmp_path / "renewed"


@pytest.fixture
def live(stack: Stack) -> Path:
    """Return the folder in which certbot keeps what is to be used."""
    folder = Path(stack.environ["CERTIFICATES"]) / "live" / "viztube"
    folder.mkdir(parents=True)
    return folder


def put(certificate: Path, folder: Path, *names: str) -> None:
    for name in names or ("privkey.pem", "fullchain.pem"):
        shutil.copy(certificate / name, folder / f"{name}.new")
        (folder / f"{name}.new").rename(folder / name)


def shown(stack: Stack) -> bytes | None:
    """Return the certificate that a new connection gets."""
    with connection(stack, trusted=False) as connected:
        assert isinstance(connected, ssl.SSLSocket)
        return connected.getpeercert(binary_form=True)


def taken_up(stack: Stack) -> int:
    """Return how many certificates nginx has taken up since it started."""
    return stack.logs().count("nginx uses the new certificate.")


def der(folder: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert((folder / "fullchain.pem").read_text())


def test_the_first_certificate_and_each_renewed_one_are_taken_up(
    stack: Stack, live: Path, renewed: Path, tmp_path: Path
) -> None:
    assert shown(stack) == der(stack.authority.parent)

    put(renewed, live)

    assert eventually(lambda: taken_up(stack) == 1)
    assert shown(stack) == der(renewed)
    make_certificate(tmp_path / "again")
    put(tmp_path / "again", live)
    assert eventually(lambda: taken_up(stack) == 2)
    assert shown(stack) == der(tmp_path / "again")
    assert not eventually(lambda: taken_up(stack) > 2, 10 * MINUTE)


def test_half_a_certificate_is_not_taken_up(stack: Stack, live: Path, renewed: Path) -> None:
    put(stack.authority.parent, live, "privkey.pem")
    put(renewed, live, "fullchain.pem")
    assert eventually(lambda: "key values mismatch" in stack.logs())

    assert shown(stack) == der(stack.authority.parent)

    put(renewed, live, "privkey.pem")
    assert eventually(lambda: taken_up(stack) == 1)
    assert shown(stack) == der(renewed)


def test_cloudflares_networks_are_asked_for_soon_after_the_start(stack: Stack) -> None:
    assert eventually(lambda: "networks stay as they are" in stack.logs())


def test_nothing_is_left_when_nginx_ends(stack: Stack) -> None:
    run = stack.environ["RUN"]
    assert any("renew.sh" in line for line in processes_mentioning(run))

    stack.nginx.send_signal(signal.SIGQUIT)

    assert process.wait(stack.nginx, 10) == 0
    assert eventually(lambda: not processes_mentioning(run))
