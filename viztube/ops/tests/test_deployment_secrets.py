"""``deploy/secrets.sh``, which makes the secrets of a machine."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from viztube.ops.embedded import process
from viztube.ops.embedded.server import free_port
from viztube.ops.embedded.wheels import valkey_program
from viztube.ops.tests.site import PROJECT
from viztube.ops.tests.waiting import eventually


def make(folder: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    for name in ("app", "owner", "database", "cache"):
        (folder / name).mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", "deploy/secrets.sh", *arguments],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "SECRETS": str(folder),
            "CERTIFICATES": str(folder / "certificates"),
            "PUBLIC_URL": "https://videos.example",
        },
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_all_are_made_once(tmp_path: Path) -> None:
    assert make(tmp_path).returncode == 0
    first = contents(tmp_path)

    assert make(tmp_path).returncode == 0
    assert contents(tmp_path) == first
    assert first.keys() == {
        *("app/secret_key", "app/jwt_signing_key", "app/database_url", "app/redis_url"),
        *("app/cloudinary_url", "app/sentry_dsn", "owner/database_url", "cache/valkey.conf"),
        *(f"database/{role}_password" for role in ("postgres", "owner", "app")),
        *(f"certificates/bootstrap/{name}.pem" for name in ("fullchain", "privkey")),
    }
    values = [value for name, value in first.items() if "password" in name or "_key" in name]
    assert len(set(values)) == len(values) == 5


def test_what_a_run_that_was_cut_off_left_is_completed(tmp_path: Path) -> None:
    make(tmp_path)
    whole = contents(tmp_path)
    (tmp_path / "app/redis_url").unlink()
    (tmp_path / "app/secret_key").write_bytes(b"")

    assert make(tmp_path).returncode == 0

    password = (tmp_path / "app/redis_url").read_text().split(":")[2].split("@")[0]
    assert f"requirepass {password}\n" in (tmp_path / "cache/valkey.conf").read_text()
    assert len((tmp_path / "app/secret_key").read_bytes()) == 64
    assert contents(tmp_path)["app/database_url"] == whole["app/database_url"]


def test_what_others_give_is_set_and_taken_out(tmp_path: Path) -> None:
    make(tmp_path)

    assert make(tmp_path, "set", "sentry_dsn", given="https://k@sentry.example/1").returncode == 0
    assert (tmp_path / "app/sentry_dsn").read_text() == "https://k@sentry.example/1"
    make(tmp_path)
    assert (tmp_path / "app/sentry_dsn").read_text() == "https://k@sentry.example/1"
    assert make(tmp_path, "set", "sentry_dsn").returncode == 0
    assert (tmp_path / "app/sentry_dsn").read_text() == ""


@pytest.mark.parametrize("name", ["", "secret_key", "cloudinary_url sentry_dsn", "../x"])
def test_no_other_can_be_set(tmp_path: Path, name: str) -> None:
    refused = make(tmp_path, "set", name, given="x")

    assert refused.returncode == 2
    assert "name one of" in refused.stderr
    assert contents(tmp_path) == {}


def test_the_certificate_to_begin_with_names_the_host(tmp_path: Path) -> None:
    make(tmp_path)

    certificate = str(tmp_path / "certificates/bootstrap/fullchain.pem")
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-checkhost", "videos.example", "-in", certificate],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "does match" in shown.stdout
    assert (tmp_path / "certificates/bootstrap/privkey.pem").stat().st_mode & 0o077 == 0


def test_valkey_starts_with_its_own_and_asks_for_the_password(tmp_path: Path) -> None:
    make(tmp_path)
    port = free_port()
    command = [str(valkey_program()), str(tmp_path / "cache/valkey.conf")]
    command += ["--port", str(port), "--dir", str(tmp_path), "--bind", "127.0.0.1"]
    child = process.start(command, output=subprocess.DEVNULL)
    try:
        assert eventually(lambda: ask(port, "PING").startswith("-NOAUTH"))
        password = (tmp_path / "app/redis_url").read_text().split(":")[2].split("@")[0]
        assert ask(port, f"AUTH {password}") == "+OK"
    finally:
        process.kill(child)


def ask(port: int, command: str) -> str:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.makefile().readline().strip()
    except OSError:
        return ""
