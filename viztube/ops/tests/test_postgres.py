"""The embedded PostgreSQL, run for real; a test that starts one takes about half a second."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from viztube.ops.embedded import EmbeddedError, Postgres, process, server
from viztube.ops.embedded.postgres import is_server_of
from viztube.ops.tests.files import mode, temporary_data_dir
from viztube.ops.tests.processes import is_alive, pid_of


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Postgres, str]]:
    with temporary_data_dir() as folder:
        postgres = Postgres(folder, durable=False)
        yield postgres, postgres.start()
        postgres.stop()


def test_answers_at_the_address_it_returns(running: tuple[Postgres, str]) -> None:
    with psycopg.connect(running[1]) as connection:
        row = connection.execute(
            "SELECT current_user, current_database(), datcollate, datlocprovider, datlocale,"
            " pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row == ("viztube", "viztube", "C", "b", "C.UTF-8", "UTF8")


def test_wants_the_password(running: tuple[Postgres, str]) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(running[1].replace("viztube:", "viztube:x"))


def test_listens_on_loopback_alone(running: tuple[Postgres, str]) -> None:
    with psycopg.connect(running[1]) as connection:
        settings = connection.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchone()
    assert settings == ("127.0.0.1", "")


def test_forgetful_mode_does_not_wait_for_the_disk(running: tuple[Postgres, str]) -> None:
    with psycopg.connect(running[1]) as connection:
        settings = connection.execute(
            "SELECT name FROM pg_settings WHERE setting = 'off' AND name IN "
            "('fsync', 'synchronous_commit', 'full_page_writes', 'jit')"
        ).fetchall()
    assert len(settings) == 4


def test_files_are_private(running: tuple[Postgres, str]) -> None:
    folder = running[0].folder
    assert mode(folder) == 0o700
    assert mode(folder / "password") == 0o600
    assert mode(folder / "server.log") == 0o600


def test_password_is_not_on_the_command_line(running: tuple[Postgres, str]) -> None:
    listing = ["ps", "-ww", "-o", "command=", "-p", str(pid_of(running[0]))]
    command = subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    assert str(running[0].folder) in command
    assert (running[0].folder / "password").read_text() not in command


def test_keeps_data_and_password_and_recovers_from_a_leftover(data_dir: Path) -> None:
    first = Postgres(data_dir)
    address = first.start()
    leftover = pid_of(first)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    second = Postgres(data_dir)
    try:
        # `first` was never stopped: this is what a killed supervisor leaves behind.
        again = second.start()
        assert not is_alive(leftover)
        with psycopg.connect(again) as connection:
            durable = connection.execute(
                "SELECT current_setting('fsync'), (SELECT count(*) FROM kept)"
            ).fetchone()
        assert durable == ("on", 0)
        assert again.split("@")[0] == address.split("@")[0]
    finally:
        second.stop()
        first.stop()
    assert second.child is None
    assert not (second.folder / "cluster" / "postmaster.pid").exists()


def test_a_stale_record_naming_another_process_is_ignored(data_dir: Path) -> None:
    postgres = Postgres(data_dir, durable=False)
    postgres.start()
    postgres.stop()
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        (postgres.folder / "cluster" / "postmaster.pid").write_text(f"{bystander.pid}\n")
        postgres.start()
        assert bystander.poll() is None
    finally:
        postgres.stop()
        bystander.kill()
        bystander.wait()


def test_is_server_of_knows_its_own(running: tuple[Postgres, str]) -> None:
    cluster = running[0].folder / "cluster"
    assert is_server_of(pid_of(running[0]), cluster)
    assert not is_server_of(pid_of(running[0]), cluster.with_name("another"))
    assert not is_server_of(os.getpid(), cluster)
    assert not is_server_of(2**22 + 1, cluster)


def test_tries_another_port_when_one_is_taken_at_the_last_moment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        rival.listen()
        taken = rival.getsockname()[1]
        ports = iter([taken, server.free_port()])
        monkeypatch.setattr(server, "free_port", lambda: next(ports))
        postgres = Postgres(data_dir, durable=False)
        try:
            assert f":{taken}/" not in postgres.start()
        finally:
            postgres.stop()


def test_a_damaged_cluster_is_reported_with_the_log(data_dir: Path) -> None:
    (data_dir / "postgres" / "cluster").mkdir(parents=True)
    (data_dir / "postgres" / "password").write_text("secret")
    with pytest.raises(EmbeddedError, match=r"(?s)ended while starting.*could not access"):
        Postgres(data_dir).start()


def test_a_lost_password_is_reported(data_dir: Path) -> None:
    (data_dir / "postgres" / "cluster").mkdir(parents=True)
    with pytest.raises(EmbeddedError, match=r"password of the database in .* is lost"):
        Postgres(data_dir).start()


def test_a_changed_password_is_reported_and_nothing_keeps_running(data_dir: Path) -> None:
    postgres = Postgres(data_dir, durable=False)
    postgres.start()
    postgres.stop()
    (postgres.folder / "password").write_text("another")
    with pytest.raises(EmbeddedError, match="does not let us in"):
        postgres.start()
    assert postgres.child is None
    assert not (postgres.folder / "cluster" / "postmaster.pid").exists() or not is_server_of(
        int((postgres.folder / "cluster" / "postmaster.pid").read_text().split()[0]),
        postgres.folder / "cluster",
    )


def test_an_unusable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match=r"cannot be used \(Not a directory\)"):
        Postgres(tmp_path / "file").start()


def test_an_interrupted_initdb_leaves_no_cluster(data_dir: Path) -> None:
    looks = iter(range(100))

    def give_up() -> None:
        if next(looks) > 2:
            raise InterruptedError

    with pytest.raises(EmbeddedError):
        Postgres(data_dir).start(give_up)
    assert not (data_dir / "postgres" / "cluster").exists()


def test_a_failing_initdb_is_reported(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viztube.ops.embedded.postgres.USER", "pg_forbidden")
    with pytest.raises(EmbeddedError, match=r"(?s)could not be made.*pg_forbidden"):
        Postgres(data_dir).start()


def test_a_server_that_never_gets_ready_is_stopped(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgres = Postgres(data_dir, durable=False)
    launched: list[int] = []

    def is_ready(child: process.Child, port: int) -> bool:
        launched.append(child.pid)
        return False

    monkeypatch.setattr(postgres, "is_ready", is_ready)
    monkeypatch.setattr(postgres, "ready_seconds", 0.2)
    with pytest.raises(EmbeddedError, match="did not get ready within"):
        postgres.start()
    assert launched
    assert not is_alive(launched[0])
