"""What a person can ask of the development command line, and the sentence for what cannot be."""

import errno
import socket
from pathlib import Path

import pytest

from viztube.ops.dev import __main__ as command_line
from viztube.ops.dev.options import Options
from viztube.ops.dev.problems import UsageProblem
from viztube.ops.tests.site import Environ


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run", "x"], ["services", "--"]])
def test_anything_else_is_told_how_to(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(arguments, {}) == 2
    assert "python -m viztube.ops.dev run" in capsys.readouterr().err


def test_defaults() -> None:
    options = Options.read({})
    assert options.bind == "127.0.0.1:8000"
    assert options.public_url == "http://127.0.0.1:8000"
    assert options.data_dir == Path.cwd() / ".data"
    assert options.debug


@pytest.mark.parametrize(
    ("host", "bind", "public_url", "reachable"),
    [
        ("0.0.0.0", "0.0.0.0:8000", "http://localhost:8000", "127.0.0.1"),
        ("::", "[::]:8000", "http://localhost:8000", "::1"),
        ("[::1]", "[::1]:8000", "http://[::1]:8000", "::1"),
        ("10.1.2.3", "10.1.2.3:8000", "http://10.1.2.3:8000", "10.1.2.3"),
    ],
)
def test_hosts(host: str, bind: str, public_url: str, reachable: str) -> None:
    options = Options.read({"HOST": host})
    assert (options.bind, options.public_url) == (bind, public_url)
    assert options.reachable_host == reachable


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("PORT", "abc", "PORT must be a whole number from 1 to 65535"),
        ("PORT", "0", "PORT must be"),
        ("PORT", "65536", "PORT must be"),
        ("PORT", "²", "PORT must be"),
        ("DEBUG", "maybe", "DEBUG must be 1 or 0"),
        ("PUBLIC_URL", "videos.example", "PUBLIC_URL must be a scheme and a host"),
        ("PUBLIC_URL", "https://videos.example/x", "PUBLIC_URL must be"),
    ],
)
def test_bad_values_are_one_sentence_and_status_2(
    variable: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line.main(["run"], {variable: value}) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"viztube: {message}")
    assert error.count("\n") == 1


def test_production_wants_servers_of_its_own() -> None:
    database, cache = "postgres://u:p@db/viztube", "redis://:p@cache"
    with pytest.raises(UsageProblem, match=r"DEBUG is off and DATABASE_URL and REDIS_URL not"):
        Options.read({"DEBUG": "0"})
    with pytest.raises(UsageProblem, match=r"DEBUG is off and REDIS_URL not set"):
        Options.read({"DEBUG": "0", "DATABASE_URL": database})
    with pytest.raises(UsageProblem, match=r"DEBUG is off and DATABASE_URL not set"):
        Options.read({"DEBUG": "no", "DATABASE_URL": " ", "REDIS_URL": cache})
    both = {"DATABASE_URL_FILE": "/run/secrets/database_url", "REDIS_URL": cache}
    assert not Options.read({"DEBUG": "0"} | both).debug
    assert not Options.read({"DEBUG": "0", "EMBEDDED_SERVICES": "1"}).debug


def test_a_busy_port_names_another_and_starts_nothing(
    environ: Environ, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", int(environ["PORT"])))
        rival.listen()
        assert command_line.main(["run"], environ) == 1
    error = capsys.readouterr().err
    port = int(environ["PORT"])
    assert f"Port {port} on 127.0.0.1 is in use" in error
    assert f"make run PORT={port + 1}" in error
    assert not Path(environ["DATA_DIR"]).exists()


def test_a_host_of_another_machine(environ: Environ) -> None:
    for host in ("192.0.2.1", "no such host"):
        with pytest.raises(UsageProblem, match=f"HOST={host} is not an address"):
            Options.read(environ | {"HOST": host}).require_free_address()


def test_a_port_for_administrators(environ: Environ, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(UsageProblem, match="Port 80 needs more rights"):
        Options.read(environ | {"PORT": "80"}).require_free_address()


def test_the_last_port_has_no_next_one() -> None:
    problem = Options.read({"PORT": "65535"})._unusable(OSError(errno.EADDRINUSE, "in use"))
    assert "PORT=8000" in str(problem)
