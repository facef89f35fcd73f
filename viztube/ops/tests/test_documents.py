"""README and CONTRIBUTING name commands, files and settings that exist."""

import re
import subprocess
from pathlib import Path

import pytest

from viztube.environment import EXAMPLE_SECRET_PREFIX

PROJECT = Path(__file__).resolve().parents[3]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(
        re.findall(r"\bmake ([a-z][a-z-]*)\b(?= *[`#\n,A-Z])", (PROJECT / name).read_text())
    )
    assert targets
    for target in targets:
        ran = subprocess.run(
            ["make", "--dry-run", target], cwd=PROJECT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{name} names `make {target}`: {ran.stderr}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_to_a_file(name: str) -> None:
    text = (PROJECT / name).read_text()
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (PROJECT / target).exists(), target


def test_the_layout_in_contributing_is_the_real_one() -> None:
    text = (PROJECT / "CONTRIBUTING.md").read_text()
    layout = re.search(r"## Where things are\n\n```\n(.*?)```", text, re.DOTALL)
    assert layout
    above = ""
    for line in layout[1].splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()  # type: ignore[union-attr]
        above = above if indent else name
        assert (PROJECT / above / (name if indent else "")).is_dir(), name


def test_every_setting_is_in_the_example_and_the_other_way_round() -> None:
    settings = (PROJECT / "viztube" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    example = set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert read == example


def test_the_secrets_of_the_example_are_refused() -> None:
    example = (PROJECT / ".env.example").read_text()
    for name in ("SECRET_KEY", "JWT_SIGNING_KEY"):
        assert f"\n{name}={EXAMPLE_SECRET_PREFIX}" in example


def test_lock_files_name_no_package_index() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        lock = (PROJECT / name).read_text()
        assert "index-url" not in lock
        assert "--hash=sha256:" in lock
