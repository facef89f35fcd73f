"""README, CONTRIBUTING and the runbook name commands, files and settings that exist."""

import re
import subprocess
from argparse import ArgumentParser
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class

from viztube.environment import EXAMPLE_SECRET_PREFIX
from viztube.ops.tests.site import PROJECT
from viztube.ops.tests.test_compose import LASTING, SERVICES, megabytes, mounts

RUNBOOK = "deploy/README.md"
DOCUMENTS = ("README.md", "CONTRIBUTING.md", RUNBOOK)
# Of `docker compose`, options that take a word more.
WITH_VALUE = {"-v", "--since", "--tail"}


def code(name: str) -> Iterator[str]:
    """Yield every line of code in a document, those that were broken in two as one."""
    for block, span in re.findall(
        r"```\w*\n(.*?)```|`([^`]+)`", (PROJECT / name).read_text(), re.DOTALL
    ):
        yield from re.sub(r"\\\n", " ", block).splitlines()
        yield " ".join(span.split())


def commands(name: str, pattern: str) -> list[list[str]]:
    """Return the words after each occurrence of a pattern, up to what the shell reads itself."""
    found = (re.findall(rf"{pattern} ([^|;&()<>\\]+)", line) for line in code(name))
    return [words.split() for line in found for words in line]


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
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    links = re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", (PROJECT / name).read_text())
    assert links or name == "CONTRIBUTING.md"
    for target, anchor in links:
        path = (PROJECT / name).parent / target if target else PROJECT / name
        assert path.exists(), target
        headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE) if anchor else []
        # As GitHub makes them.
        anchors = {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
        assert not anchor or anchor in anchors, anchor


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_exists_with_its_options(name: str) -> None:
    named = commands(name, r"(?:\bmanage\.py|^manage)")
    assert named
    for command, *arguments in named:
        if command.startswith('"$'):
            continue  # any
        assert command in get_commands(), command
        parser: ArgumentParser = load_command_class(get_commands()[command], command).create_parser(
            "", command
        )
        # Of a command of commands, the one that is named.
        for action in parser._subparsers._group_actions if parser._subparsers else ():
            if arguments[0] != "--help":
                assert arguments[0] in (action.choices or ()), (command, arguments)
                parser = dict(action.choices or ())[arguments[0]]
        options = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert options <= parser._option_string_actions.keys(), (command, options)


def test_every_service_exists_that_the_runbook_talks_to() -> None:
    named = commands(RUNBOOK, "docker compose")
    assert len(named) > 20
    for command, *words in named:
        services = [
            word
            for before, word in zip([command, *words], words, strict=False)
            if not word.startswith("-") and before not in WITH_VALUE
        ]
        # The rest is for the program in there.
        for service in services[: 1 if command in {"run", "exec"} else None]:
            assert service in SERVICES, (command, service)


def test_every_script_exists_that_the_runbook_runs() -> None:
    inside = {path: source for name in SERVICES for path, source in mounts(name).items()}
    named = set(re.findall(r"[\w./-]+\.sh\b", "\n".join(code(RUNBOOK))))
    assert named
    for script in named:
        place, source = next(
            ((path, source) for path, source in inside.items() if script.startswith(path)), ("", "")
        )
        assert (PROJECT / (source + script.removeprefix(place))).is_file(), script


def test_the_runbook_s_table_of_memory_is_that_of_compose() -> None:
    table = re.findall(
        r"^\| ([a-z -]+) \| (\d+) MB \|", (PROJECT / RUNBOOK).read_text(), re.MULTILINE
    )
    limits = {name: megabytes(name) for name in LASTING - {"viztube-transcoder"}}

    assert {name: int(size) for name, size in table} == limits | {"in all": sum(limits.values())}


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
