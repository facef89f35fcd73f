"""`manage.py restore` killed at every stage: the service has one whole database, and can go on."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg import sql

from viztube.ops.backups.postgres import MAINTENANCE, connected
from viztube.ops.tests.backing_up import (
    Made,
    OwnDatabase,
    back_up,
    commands_environ,
    put,
    wrapped_program,
)
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.site import PROJECT, Environ
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

FILES = 2000
OLD, NEW = 3, 50
ROWS = "SELECT count(*) FROM public.person"
WAITS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE %s AND starts_with(application_name, 'viztube')
"""


@dataclass
class Restoration:
    """A backup to be restored, over a database that is another one by now."""

    made: Made
    database: OwnDatabase
    media: Path
    environ: Environ
    gate: Path

    def start(self) -> subprocess.Popen[str]:
        """Begin to restore it, as a process that waits at the gate before its dump is restored."""
        return subprocess.Popen(
            [sys.executable, "manage.py", "restore", self.made["folder"], "--yes"],
            cwd=PROJECT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def others(self, kind: str) -> list[str]:
        """Return the databases that are called after ours, of a kind."""
        stem = f"{self.database.name}_{kind}_"
        return [name for name in self.database.relatives() if name.startswith(stem)]

    def scratch_is_there(self) -> bool:
        """Tell whether the database is there that the dump is restored into."""
        return len(self.others("restore")) == 1

    def rows(self) -> int:
        """Return how many rows the service sees."""
        return int(self.database.execute(ROWS)[0][0])

    def files(self) -> int:
        """Return how many files are in their places."""
        return sum(1 for _ in self.media.glob("p/*/*"))


@pytest.fixture
def restoration(own_database: OwnDatabase, media_root: Path, tmp_path: Path) -> Restoration:
    own_database.fill()
    for number in range(FILES):
        put(media_root, f"p/{number:032x}/video.mp4")
    made = back_up(tmp_path / "backups")
    own_database.execute(f"DELETE FROM public.note; DELETE FROM public.person WHERE id > {OLD}")
    for path in media_root.glob("p/*/*"):
        path.unlink()
    environ = commands_environ(own_database, media_root, tmp_path)
    gate = tmp_path / "gate"
    script = (
        f'while [ "$1" != --version ] && [ ! -e {gate} ]; do sleep 0.1; done; exec "$real" "$@"'
    )
    environ["POSTGRES_BIN"] = wrapped_program(tmp_path / "bin", "pg_restore", script)
    return Restoration(made, own_database, media_root, environ, gate)


@contextmanager
def renaming_waits(name: str) -> Iterator[None]:
    """Let whoever renames a database wait until the end of the block."""
    with connected(MAINTENANCE) as server, server.transaction():
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS 'held'").format(sql.Identifier(name)))
        yield


def waits(renamed: str) -> bool:
    """Tell whether a restoration waits for the lock on a database that it renames."""
    with connected(MAINTENANCE) as server:
        (number,) = server.execute(WAITS, [f'ALTER DATABASE "{renamed}" RENAME%']).fetchone() or (
            0,
        )
    return int(number) == 1


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def while_the_dump_is_restored(restoration: Restoration) -> None:
    process = restoration.start()
    assert eventually(restoration.scratch_is_there, 30)
    kill(process)


def before_the_first_renaming(restoration: Restoration) -> None:
    kill_while_it_waits(restoration, lambda: restoration.database.name)


def between_the_renamings(restoration: Restoration) -> None:
    kill_while_it_waits(restoration, lambda: restoration.others("restore")[0])


def kill_while_it_waits(restoration: Restoration, renamed: Callable[[], str]) -> None:
    process = restoration.start()
    assert eventually(restoration.scratch_is_there, 30)
    name = renamed()
    with renaming_waits(name):
        restoration.gate.touch()
        assert eventually(lambda: waits(name), 30)
        kill(process)


def while_files_are_put_back(restoration: Restoration) -> None:
    restoration.gate.touch()
    process = restoration.start()
    assert eventually(lambda: restoration.files() > 0, 30)
    kill(process)
    assert restoration.files() < FILES


@pytest.mark.parametrize(
    ("killed", "rows"),
    [
        (while_the_dump_is_restored, OLD),
        (before_the_first_renaming, OLD),
        (between_the_renamings, OLD),
        (while_files_are_put_back, NEW),
    ],
)
def test_one_of_both_is_in_place_and_it_can_be_done_again(
    restoration: Restoration, killed: Callable[[Restoration], None], rows: int
) -> None:
    killed(restoration)

    assert restoration.rows() == rows
    assert len(restoration.others("restore")) == int(rows == OLD)
    restoration.gate.touch()
    complete(restoration)
    assert restoration.rows() == NEW
    assert restoration.files() == FILES
    assert list((restoration.media / "incoming").iterdir()) == []
    assert restoration.others("restore") == []
    kept = restoration.others("before")
    assert [OwnDatabase(name).execute(ROWS)[0][0] for name in kept] == (
        [OLD] if rows == OLD else [OLD, NEW]
    )


def complete(restoration: Restoration) -> None:
    """Restore it, as soon as the server has found out that the one before is dead."""
    for _ in range(30):
        process = restoration.start()
        said = process.communicate(timeout=60)[1]
        if process.returncode == 0:
            return
        assert "Another restoration is running" in said
    raise AssertionError(said)
