"""Files that only their owner may read."""

from pathlib import Path

import pytest

from viztube.ops.embedded.private import write_private
from viztube.ops.tests.files import mode


def test_write_private_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old and open to all")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_write_private_leaves_nothing_behind_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_private(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
