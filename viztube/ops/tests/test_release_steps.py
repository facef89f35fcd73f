"""The order of ``deploy/release.sh``, and how it goes back; Docker is stood in for."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from viztube.ops.tests.site import PROJECT

OLD, NEW = "viztube/viztube@sha256:old", "viztube/viztube@sha256:new"


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return a checkout with one api of the old version, which nginx leads to, and its worker."""
    (tmp_path / "deploy").mkdir()
    shutil.copy(PROJECT / "deploy/release.sh", tmp_path / "deploy")
    (tmp_path / ".env").write_text(f"PUBLIC_URL=https://viztube.test\nVIZTUBE_IMAGE={OLD}\n")
    (tmp_path / "api").mkdir()
    (tmp_path / "api/1").write_text(f"{OLD}\n")
    (tmp_path / "upstream").write_text("viztube-api:8000\n")
    (tmp_path / "services").mkdir()
    (tmp_path / "services/viztube-worker").write_text(f"{OLD}\n")
    (tmp_path / "images").write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").symlink_to(PROJECT / "viztube/ops/tests/standin_docker.sh")
    # What waits, waits no longer.
    (tmp_path / "bin/sleep").symlink_to("/bin/true")
    return tmp_path


def release(host: Path, *arguments: str, fail: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{host / 'bin'}:{os.environ['PATH']}"
    ran = subprocess.run(
        [str(host / "deploy/release.sh"), *arguments],
        env={"PATH": path, "PLACE": str(host), "FAIL": fail},
        capture_output=True,
        text=True,
        check=False,
    )
    log = host / ".release/log"
    assert not log.exists() or "does not know" not in log.read_text(), log.read_text()
    return ran


def state(host: Path) -> tuple[list[str], str, str]:
    """Return the images of the apis, where nginx leads, and the image of the worker."""
    apis = [path.read_text().strip() for path in sorted((host / "api").iterdir())]
    upstream, worker = host / "upstream", host / "services/viztube-worker"
    return apis, upstream.read_text().strip(), worker.read_text().strip()


def order(host: Path, *parts: str) -> list[int]:
    calls = (host / "calls").read_text().splitlines()
    return [next(i for i, call in enumerate(calls) if part in call) for part in parts]


def test_the_old_version_is_replaced_step_by_step(host: Path) -> None:
    ran = release(host, NEW)

    assert ran.returncode == 0, ran.stdout
    assert state(host) == ([NEW], "viztube-api:8000", NEW)
    steps = order(
        host,
        *("pull", "switch.sh 10.0.0.1:8000", "manage.py backup", "stop viztube-worker", " migrate"),
        *(
            "--scale viztube-api=2",
            "curl -fsS --max-time 20 -o /dev/null -H",
            "http://10.0.0.2:8000/",
        ),
        *("switch.sh 10.0.0.2:8000", "http://127.0.0.1:8081/", "drained.sh", "rm 1"),
        *("switch.sh viztube-api:8000", "--no-build viztube-worker"),
    )
    assert steps == sorted(steps)
    assert (host / ".env").read_text() == (
        f"PUBLIC_URL=https://viztube.test\nVIZTUBE_IMAGE={NEW}\nVIZTUBE_IMAGE_BEFORE={OLD}\n"
    )


@pytest.mark.parametrize("fail", ["pull", "backup", "migrate", "start", "try", "stuck", "smoke"])
def test_what_fails_leaves_the_old_version_serving(host: Path, fail: str) -> None:
    before = (host / ".env").read_text()

    ran = release(host, NEW, fail=fail)

    assert ran.returncode == 1
    apis, upstream, worker = state(host)
    assert apis == [OLD]
    assert upstream == "viztube-api:8000"
    assert worker == OLD
    assert (host / ".env").read_text() == before
    assert OLD in ran.stdout or fail == "pull"


def test_a_release_that_was_cut_off_is_taken_up(host: Path) -> None:
    (host / "api/2").write_text(f"{NEW}\n")
    (host / "services/viztube-worker").write_text("")

    ran = release(host, NEW)

    assert ran.returncode == 0, ran.stdout
    assert state(host) == ([NEW], "viztube-api:8000", NEW)


def test_the_first_release_needs_no_version_before(host: Path) -> None:
    (host / "api/1").unlink()
    (host / ".env").write_text("PUBLIC_URL=https://viztube.test\n")

    ran = release(host, NEW)

    assert ran.returncode == 0, ran.stdout
    assert state(host) == ([NEW], "viztube-api:8000", NEW)


def test_everything_that_the_image_runs_gets_the_new_version(host: Path) -> None:
    others = [host / "services" / name for name in ("backup", "viztube-transcoder")]
    for service in others:
        service.write_text(f"{OLD}\n")

    assert release(host, NEW).returncode == 0
    assert [service.read_text() for service in others] == [f"{NEW}\n"] * 2
    steps = order(
        host, "manage.py backup", "stop backup viztube-transcoder viztube-worker", " migrate"
    )
    assert steps == sorted(steps)


def test_an_image_that_is_here_is_not_fetched_to_go_back(host: Path) -> None:
    release(host, NEW)
    with (host / "images").open("a") as images:
        images.write(f"{OLD}\n")

    assert release(host, "--back", fail="pull").returncode == 0
    assert state(host) == ([OLD], "viztube-api:8000", OLD)


def test_going_back_takes_the_image_before_and_leaves_the_database(host: Path) -> None:
    release(host, NEW)
    (host / "calls").unlink()
    (host / "api").rename(host / "done")
    (host / "api").mkdir()
    (host / "api/1").write_text(f"{NEW}\n")

    assert release(host, "--back").returncode == 0
    assert state(host) == ([OLD], "viztube-api:8000", OLD)
    assert " migrate" not in (host / "calls").read_text()


def test_what_fails_after_the_old_version_is_gone_leaves_the_new_one_serving(host: Path) -> None:
    ran = release(host, NEW, fail="rm")

    assert ran.returncode == 3
    assert "The new version serves" in ran.stdout
    assert (host / "upstream").read_text() == "10.0.0.2:8000\n"
    assert f"VIZTUBE_IMAGE={NEW}\n" in (host / ".env").read_text()
    again = release(host, NEW)
    assert again.returncode == 0, again.stdout
    assert state(host) == ([NEW], "viztube-api:8000", NEW)


def test_two_at_once_are_refused(host: Path) -> None:
    (host / ".release").mkdir()
    with (host / ".release/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = release(host, NEW)

    assert ran.returncode == 2
    assert "Another release is running" in ran.stderr
    assert not (host / "calls").exists()


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--sideways",)])
def test_what_makes_no_sense_is_refused(host: Path, arguments: tuple[str, ...]) -> None:
    assert release(host, *arguments).returncode == 2
    assert not (host / "calls").exists()
