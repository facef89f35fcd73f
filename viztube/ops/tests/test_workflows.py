"""What the workflows run: pinned actions, targets that exist, and the step that releases."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from viztube.ops.tests.files import mode
from viztube.ops.tests.site import PROJECT

WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
COMMIT, DIGEST = "0123456789abcdef" * 2 + "01234567", "sha256:" + "0f" * 32

# Stands in for ssh: notes how it was called and what the key's file was, and runs the script here.
SSH = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$NOTES/arguments"
env > "$NOTES/environment"
while [[ $1 != deploy@* ]]; do
    [[ $1 == -i ]] && cp -p "$2" "$NOTES/key"
    [[ $1 == UserKnownHostsFile=* ]] && cp "${1#*=}" "$NOTES/known_hosts"
    shift
done
shift
sed "s|/srv/viztube|$NOTES/host|" | bash -c "$*"
"""
GIT = '#!/bin/sh\n[ "$1" = rev-parse ] && echo before\necho git "$@" >> "$NOTES/done"\n'
DOCKER = '#!/bin/sh\necho docker "$@" >> "$NOTES/done"\n'
RELEASE = '#!/bin/sh\necho release "$@" >> "$NOTES/done"\nexit "${RELEASE_STATUS:-0}"\n'


def jobs() -> list[dict[str, Any]]:
    return [job for path in WORKFLOWS for job in yaml.safe_load(path.read_text())["jobs"].values()]


def commands() -> list[str]:
    return [step["run"] for job in jobs() for step in job.get("steps", []) if "run" in step]


def test_every_action_of_others_is_pinned_to_a_commit_and_says_which_version_that_is() -> None:
    uses = [line for path in WORKFLOWS for line in re.findall(r"uses: (.*)", path.read_text())]
    foreign = [line for line in uses if not line.startswith("./")]

    pinned = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert len(foreign) >= 10
    assert [line for line in foreign if not pinned.fullmatch(line)] == []
    # One version of each.
    assert len(set(foreign)) == len({line.split("@")[0] for line in foreign})


def test_make_knows_what_the_workflows_ask_of_it() -> None:
    targets = [one.split() for one in commands() if one.startswith("make ")]
    assert {target for _, *some in targets for target in some} == {"lint", "test", "test-slow"}
    makefile = (PROJECT / "Makefile").read_text()
    for _, *some in targets:
        for target in some:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_job_has_an_end_and_no_more_permissions_than_it_names() -> None:
    for path in WORKFLOWS:
        assert yaml.safe_load(path.read_text())["permissions"] == {}
    for job in jobs():
        assert job["permissions"] in ({}, {"contents": "read"})
        assert "uses" in job or job["timeout-minutes"] <= 60


class Host:
    """A stand-in for the host, and the step that releases on it."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder
        programs = {"ssh": SSH, "git": GIT, "docker": DOCKER}
        scripts = {f"bin/{name}": text for name, text in programs.items()}
        for name, text in (scripts | {"host/deploy/release.sh": RELEASE}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o700)
        (folder / "tmp").mkdir()

    def release(self, **changed: str) -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": f"{self.notes / 'bin'}:{os.environ['PATH']}",
            "NOTES": str(self.notes),
            "TMPDIR": str(self.notes / "tmp"),
            "COMMIT": COMMIT,
            "IMAGE": "viztube/viztube",
            "DIGEST": DIGEST,
            "DEPLOY_TARGET": "deploy@203.0.113.7",
            "DEPLOY_KNOWN_HOSTS": "203.0.113.7 ssh-ed25519 AAAA",
            "DEPLOY_SSH_KEY": "the key\nof two lines",
        }
        (step,) = (one for one in commands() if "deploy/release.sh" in one)
        # As GitHub runs `shell: bash`.
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step],
            env=environ | changed,
            check=False,
            capture_output=True,
            text=True,
        )

    def read(self, name: str) -> str:
        path = self.notes / name
        return path.read_text() if path.exists() else ""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_release_takes_the_commit_and_the_very_image_to_the_host(host: Host) -> None:
    ran = host.release()

    assert ran.returncode == 0, ran.stderr
    assert host.read("done").splitlines() == [
        "git rev-parse HEAD",
        f"git fetch --quiet --depth 1 origin {COMMIT}",
        f"git checkout --quiet --detach {COMMIT}",
        f"release viztube/viztube@{DIGEST}",
    ]


def test_the_key_is_private_gone_afterwards_and_in_no_command_line(host: Host) -> None:
    ran = host.release()

    assert host.read("key") == "the key\nof two lines\n"
    assert mode(host.notes / "key") == 0o600
    assert host.read("known_hosts") == "203.0.113.7 ssh-ed25519 AAAA\n"
    assert "StrictHostKeyChecking=yes" in host.read("arguments").splitlines()
    assert list((host.notes / "tmp").iterdir()) == []
    for text in (host.read("arguments"), host.read("environment"), ran.stdout, ran.stderr):
        assert "the key" not in text


def test_a_release_that_fails_fails_the_job_and_leaves_no_key(host: Host) -> None:
    ran = host.release(RELEASE_STATUS="3")

    assert ran.returncode == 3
    assert list((host.notes / "tmp").iterdir()) == []
    assert host.read("done").splitlines()[-1] == f"release viztube/viztube@{DIGEST}"


def test_a_release_that_does_not_begin_leaves_the_files_as_they_were(host: Host) -> None:
    ran = host.release(RELEASE_STATUS="2")

    assert ran.returncode == 2
    assert host.read("done").splitlines()[-1] == "git checkout --quiet --detach before"


def test_a_release_that_goes_back_takes_its_files_back(host: Host) -> None:
    ran = host.release(RELEASE_STATUS="1")

    assert ran.returncode == 1
    assert host.read("done").splitlines()[-2:] == [
        "git checkout --quiet --detach before",
        "docker compose exec -T nginx /viztube/nginx/switch.sh viztube-api:8000",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("COMMIT", "main"),
        ("IMAGE", "viztube; touch /tmp/x"),
        ("DIGEST", ""),
        ("DIGEST", "sha256:0"),
        ("DEPLOY_TARGET", "-oProxyCommand=touch"),
        ("DEPLOY_TARGET", ""),
    ],
)
def test_what_the_shell_over_there_could_misread_is_refused(
    host: Host, name: str, text: str
) -> None:
    ran = host.release(**{name: text})

    assert ran.returncode == 1
    assert f"::error::{name} " in ran.stdout
    assert host.read("arguments") == host.read("done") == ""
