"""The data folder of development: its lock, its secrets, the temporary folders of tests."""

import errno
import json
import re
from pathlib import Path

import pytest

from viztube.ops.dev import folders
from viztube.ops.dev.problems import Problem
from viztube.ops.embedded import Postgres, identity
from viztube.ops.tests.files import mode


def test_a_data_folder_is_private_and_used_by_one_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    with folders.locked(folder):
        assert mode(folder) == identity.data_folder_mode()
        again = folders.locked(folder)
        with pytest.raises(Problem, match="Another `make run` already uses"), again:
            pytest.fail("locked twice")
        with folders.locked(tmp_path / "other"):
            pass
    with folders.locked(folder):
        pass


def test_an_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folders.make_data_folder(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_file_in_its_place_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        with pytest.raises(Problem, match="cannot be used"):
            folders.make_data_folder(folder)
    (tmp_path / "lock").mkdir()
    with pytest.raises(Problem, match="cannot be used"), folders.locked(tmp_path):
        pytest.fail("locked a folder")


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    made = folders.read_secrets(tmp_path)
    assert folders.read_secrets(tmp_path) == made
    assert mode(tmp_path / "secrets.json") == 0o600
    assert min(len(made["secret_key"]), len(made["jwt_signing_key"])) >= 50
    assert re.fullmatch(r"([a-z]{4}-){2}[a-z]{4}", made["demo_password"])
    assert len(set(made.values())) == 3


def test_missing_secrets_are_added_to_those_kept(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({"secret_key": "kept"}))
    found = folders.read_secrets(tmp_path)
    assert found["secret_key"] == "kept"
    assert json.loads((tmp_path / "secrets.json").read_text()) == found


@pytest.mark.parametrize("text", ["{", "[]", '{"secret_key": 1}'])
def test_damaged_secrets_are_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(Problem, match=r"secrets.json is damaged: delete it"):
        folders.read_secrets(tmp_path)


def test_unreadable_secrets_are_reported(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").mkdir()
    with pytest.raises(Problem, match="cannot be used"):
        folders.read_secrets(tmp_path)


def test_temporary_folders_are_deleted_also_those_of_killed_runs(tmp_path: Path) -> None:
    abandoned = tmp_path / "test-abandoned"
    abandoned.mkdir()
    (abandoned / "file").write_text("")
    (tmp_path / "kept").mkdir()
    with folders.temporary_folder(tmp_path) as first:
        assert not abandoned.exists()
        with folders.temporary_folder(tmp_path) as second:
            assert first.is_dir()
            assert first != second
            assert mode(second) == identity.data_folder_mode()
        assert not second.exists()
    assert not first.exists()
    assert (tmp_path / "kept").exists()


def test_the_server_of_a_killed_run_is_stopped(tmp_path: Path) -> None:
    tmp_path.chmod(identity.data_folder_mode())
    abandoned = tmp_path / "test-abandoned"
    abandoned.mkdir(mode=identity.data_folder_mode())
    leftover = Postgres(abandoned, durable=False)
    try:
        leftover.start()
    except Exception as problem:  # pragma: no cover - root in a container
        pytest.skip(str(problem))
    with folders.temporary_folder(tmp_path):
        assert leftover.has_ended()
    leftover.stop()


def test_a_data_folder_that_takes_no_files_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**options: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    folder = folders.temporary_folder(tmp_path)
    with pytest.raises(Problem, match=r"cannot be used \(Permission denied\)"), folder:
        pytest.fail("made a folder")
