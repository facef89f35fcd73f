"""As whom the embedded PostgreSQL runs: it refuses root."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from viztube.ops.embedded import EmbeddedError, Postgres, identity, wheels
from viztube.ops.tests.files import mode, temporary_data_dir
from viztube.ops.tests.processes import linux_only, pid_of

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_an_ordinary_account_runs_it_as_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert identity.choose_identity(tmp_path) == "same"
    assert identity.data_folder_mode() == 0o700


@linux_only
@root_only
def test_root_without_namespaces_gives_one_folder_to_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(identity, "has_namespaces", lambda: False)
    program = str(wheels.postgres_program("postgres"))
    try:
        subprocess.run([program, "--version"], user="nobody", cwd="/", check=True)
    except PermissionError:
        pytest.skip("nobody cannot enter the folder of the packages")
    with temporary_data_dir() as data_dir:
        assert mode(data_dir) == 0o711
        postgres = Postgres(data_dir, durable=False)
        try:
            with psycopg.connect(postgres.start()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            nobody = pwd.getpwnam("nobody")
            assert Path(f"/proc/{pid_of(postgres)}").stat().st_uid == nobody.pw_uid
            assert postgres.folder.stat().st_uid == nobody.pw_uid
            assert data_dir.stat().st_uid == 0
            postgres.stop()
            # The folder stays with the account, wherever namespaces work later.
            monkeypatch.setattr(identity, "has_namespaces", lambda: True)
            postgres.start()
            assert Path(f"/proc/{pid_of(postgres)}").stat().st_uid == nobody.pw_uid
        finally:
            postgres.stop()


@linux_only
@root_only
def test_root_is_told_when_no_way_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "has_namespaces", lambda: False)
    tmp_path.chmod(0o700)
    postgres = Postgres(tmp_path)
    with pytest.raises(EmbeddedError, match="refuses to run as root, and the account nobody"):
        postgres.start()
    assert postgres.folder.stat().st_uid == 0
    os.chown(postgres.folder, 4711, 4711)
    with pytest.raises(EmbeddedError, match="belong to user 4711"):
        postgres.start()


@linux_only
@root_only
def test_a_missing_account_is_no_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "has_namespaces", lambda: False)
    monkeypatch.setattr(identity, "ACCOUNT", "no-such-account")
    with pytest.raises(EmbeddedError, match="set DATABASE_URL"):
        identity.choose_identity(tmp_path)


def test_namespaces_exist_on_linux_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    identity.has_namespaces.cache_clear()
    try:
        assert not identity.has_namespaces()
    finally:
        identity.has_namespaces.cache_clear()
