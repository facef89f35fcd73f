"""`manage.py rotate_keys`: the file of signing keys moves on, and nobody is signed out."""

import os
import stat
import subprocess
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from users.models import User
from users.tests.signing_in import log_in, refresh_with, who_am_i
from viztube.environment import Environment
from viztube.ops import signing_keys
from viztube.ops.signing_keys import KeysUnusableError, held_keys, new_key
from viztube.tests.test_settings import run

OLD = timedelta(days=8, minutes=1)


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    """Return the file of one key, which this process has read."""
    path = tmp_path / "jwt"
    path.write_text(f"{new_key()}\n")
    settings.JWT_SIGNING_KEY_FILE = path
    restart(settings)
    return path


def keys_in(path: Path) -> tuple[str, ...]:
    return Environment({"JWT_SIGNING_KEY_FILE": str(path)}).secrets("JWT_SIGNING_KEY", most=3)


def restart(settings: Any) -> None:
    """Read the keys as a process does that starts now."""
    settings.JWT_VERIFYING_KEYS = keys_in(settings.JWT_SIGNING_KEY_FILE)
    settings.JWT_SIGNING_KEY = settings.JWT_VERIFYING_KEYS[0]


def time_passes(path: Path, time: timedelta = OLD) -> None:
    """Let the last change be so long ago."""
    mark = signing_keys._MARK
    past = (timezone.now() - time).isoformat()
    lines = [
        f"{mark}{past}" if line.startswith(mark) else line for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")


def status_of(*options: str) -> int:
    """Run the command; return the status with which it ends."""
    try:
        call_command("rotate_keys", *options)
    except CommandError as error:
        return error.returncode
    return 0


def test_keys_move_up_one_place_at_a_time(file: Path) -> None:
    (first,) = keys_in(file)

    call_command("rotate_keys")
    _, second = keys_in(file)
    assert keys_in(file) == (first, second)

    time_passes(file)
    call_command("rotate_keys")
    third = keys_in(file)[1]
    assert keys_in(file) == (second, third, first)

    time_passes(file)
    call_command("rotate_keys")
    fourth = keys_in(file)[1]
    assert keys_in(file) == (third, fourth, second)
    assert len({first, second, third, fourth}) == 4


@pytest.mark.django_db
def test_nobody_is_signed_out_by_rotations_with_restarts_between(
    file: Path, settings: Any, user: User
) -> None:
    devices, idle = [log_in(user)], [log_in(user)]
    for _ in range(4):
        running = settings.JWT_VERIFYING_KEYS
        call_command("rotate_keys")
        devices.append(log_in(user))
        restart(settings)
        devices.append(log_in(user))
        new = settings.JWT_VERIFYING_KEYS

        # Processes of both kinds answer while they are restarted one after another.
        for keys in (running, new):
            settings.JWT_SIGNING_KEY, settings.JWT_VERIFYING_KEYS = keys[0], keys
            for device in devices:
                assert device.works()
                answer = refresh_with(device.refresh)
                assert answer.status == 200
                device.access = answer.data["accessToken"]
                device.refresh = answer.data["refreshToken"]
        # Who comes back after days had signed in before.
        assert all(device.can_refresh() for device in idle)
        idle = [log_in(user)]
        time_passes(file)


def test_what_would_sign_people_out_is_refused_until_their_tokens_have_ended(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_keys")
    staged = file.read_text()
    # A second run by mistake, before any process can have read the next key.
    assert status_of() == 3
    time_passes(file, timedelta(minutes=2))
    assert status_of() == 0
    rotated = keys_in(file)

    for early in (timedelta(0), timedelta(days=7, hours=23)):
        time_passes(file, early)
        assert status_of() == 3
        assert status_of("--dry-run") == 3
        assert keys_in(file) == rotated
    time_passes(file, timedelta(days=8, minutes=1))
    assert status_of("--dry-run") == 0
    assert keys_in(file) == rotated
    assert status_of() == 0
    assert file.read_text() != staged


def test_three_keys_that_somebody_wrote_are_as_old_as_their_file(file: Path) -> None:
    file.write_text(f"{new_key()} {new_key()}\n# by hand\n{new_key()}")
    assert status_of() == 3

    past = (timezone.now() - OLD).timestamp()
    os.utime(file, (past, past))
    assert status_of() == 0


def test_a_leaked_key_is_replaced_at_any_time_with_all_others(
    file: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, db: None, user: User
) -> None:
    call_command("rotate_keys")
    time_passes(file)
    call_command("rotate_keys")
    restart(settings)
    device = log_in(user)
    before = keys_in(file)

    assert status_of("--revoke", "--dry-run") == 0
    for answer in ("", "no", "y"):
        monkeypatch.setattr("builtins.input", lambda answer=answer: answer)
        assert status_of("--revoke") == 1
    assert keys_in(file) == before
    monkeypatch.setattr("builtins.input", lambda: "yes")
    assert status_of("--revoke") == 0

    assert not set(keys_in(file)) & set(before)
    restart(settings)
    assert who_am_i(Authorization=f"Bearer {device.access}").code == "token_invalid"
    assert refresh_with(device.refresh).code == "token_invalid"
    assert log_in(user).works()
    again = keys_in(file)
    assert status_of("--revoke", "--yes") == 0
    assert not set(keys_in(file)) & set(again)
    time_passes(file)
    assert status_of() == 0


def test_no_key_is_ever_printed(
    file: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    seen = set(keys_in(file))
    for options in (("--dry-run",), (), (), ("--revoke", "--yes"), ("--revoke", "--dry-run")):
        status_of(*options)
        seen |= set(keys_in(file))
    with held_keys(file) as held:
        printed = "".join(capsys.readouterr()) + caplog.text + repr(held)

    assert len(seen) == 4
    assert "restart" in printed
    assert not [key for key in seen if key[:12] in printed]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640])
def test_who_could_read_the_file_still_can_and_nobody_else(file: Path, mode: int) -> None:
    file.chmod(mode)
    if os.geteuid() == 0:
        os.chown(file, 12345, 54321)
    before = file.stat()

    call_command("rotate_keys")

    after = file.stat()
    assert after.st_ino != before.st_ino
    assert stat.S_IMODE(after.st_mode) == mode
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_a_link_to_the_file_stays_a_link(file: Path, settings: Any) -> None:
    real = file.with_name("real")
    file.rename(real)
    file.symlink_to(real.name)

    call_command("rotate_keys")

    assert file.is_symlink()
    assert len(keys_in(real)) == 2


@pytest.mark.parametrize("failing", ["os.fsync", "os.fchmod", "pathlib.Path.replace"])
def test_a_disk_that_fails_leaves_the_file_as_it_was(
    file: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    before = file.read_text()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(failing, fail)
        with pytest.raises(CommandError, match="No space left on device"):
            call_command("rotate_keys")

    assert file.read_text() == before
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_of_two_at_once_one_is_refused(file: Path) -> None:
    before = file.read_text()
    refusals: list[str] = []

    def second() -> None:
        try:
            call_command("rotate_keys")
        except CommandError as error:
            refusals.append(str(error))

    with held_keys(file):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    assert len(refusals) == 1
    assert "Another rotate_keys" in refusals[0]
    assert file.read_text() == before
    assert status_of() == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "JWT_SIGNING_KEY is not set"),
        ("# nothing\n", "from one to 3 different keys"),
        ("short\n", "too weak"),
        ("{0} {0}", "different keys"),
        ("{0} {1} {2} {3}", "from one to 3"),
        (f"{signing_keys._MARK}yesterday\n{{0}}\n", "is no time"),
    ],
)
def test_a_file_that_is_not_right_is_left_alone(file: Path, text: str, says: str) -> None:
    file.write_text(text.format(*(new_key() for _ in range(4))))
    before = file.read_text()

    with pytest.raises(CommandError, match=says):
        call_command("rotate_keys")

    assert file.read_text() == before


def test_a_file_that_is_gone_is_a_sentence(file: Path) -> None:
    file.unlink()

    with pytest.raises(KeysUnusableError, match="cannot be read"), held_keys(file):
        pass
    assert status_of() == 1


@pytest.mark.slow
def test_the_next_process_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "jwt"
    path.write_text(new_key())
    before = keys_in(path)
    name = {"JWT_SIGNING_KEY": "", "JWT_SIGNING_KEY_FILE": str(path)}

    ran = run("manage.py", "rotate_keys", **name)
    assert (ran.returncode, ran.stderr) == (0, "")
    program = "from viztube import settings; print(*settings.JWT_VERIFYING_KEYS)"
    assert tuple(run("-c", program, **name).stdout.split()) == keys_in(path)
    assert keys_in(path)[:1] == before
    assert run("manage.py", "rotate_keys", **name).returncode == 3
    assert run("manage.py", "rotate_keys", "--revoke", **name).returncode == 1

    refused = run("manage.py", "rotate_keys")
    assert refused.returncode == 1
    assert "JWT_SIGNING_KEY_FILE" in refused.stderr


@pytest.mark.slow
def test_two_processes_at_once_change_the_file_once(tmp_path: Path) -> None:
    path = tmp_path / "jwt"
    path.write_text("\n".join(new_key() for _ in range(3)))
    past = (timezone.now() - OLD).timestamp()
    os.utime(path, (past, past))
    before = keys_in(path)
    results: list[subprocess.CompletedProcess[str]] = []

    def rotate() -> None:
        results.append(run("manage.py", "rotate_keys", JWT_SIGNING_KEY_FILE=str(path)))

    threads = [threading.Thread(target=rotate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(result.returncode for result in results) in ([0, 1], [0, 3])
    assert keys_in(path)[0::2] == (before[1], before[0])
