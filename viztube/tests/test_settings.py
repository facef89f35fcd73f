"""The settings as a whole, in processes of their own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from viztube.api.rates import RATES

ROOT = Path(settings.BASE_DIR)
EXAMPLE = ROOT / ".env.example"
GOOD = {
    "DEBUG": "0",
    "SECRET_KEY": "S0m3-strong-secret-for-tests-only-Zq8w-and-a-few-more",
    "JWT_SIGNING_KEY": "An0ther-strong-secret-for-tests-only-Zq8w-and-a-few-more",
    "PUBLIC_URL": "https://viztube.example",
    "DATABASE_URL": "postgres://viztube:unused@127.0.0.1:1/viztube",
    "REDIS_URL": "redis://:unused@127.0.0.1:1/0",
}
# Set but empty counts as not set.
UNSET = dict.fromkeys(
    (
        "DATA_DIR",
        "MEDIA_ROOT",
        "SERVE_MEDIA",
        "TRUSTED_PROXIES",
        "CORS_ORIGIN",
        "RATE_LIMITS",
        "LOG_LEVEL",
        "DATABASE_LOCK_TIMEOUT",
        "HLS_TOP_RUNG",
        "FFMPEG",
        "FFPROBE",
        "POSTGRES_BIN",
        "MACHINE_NAME",
        "SENTRY_DSN",
        "TLS_SERVER",
        "BACKUP_DIR",
    ),
    "",
)


def run(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **UNSET, **GOOD, **changes}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings_with(*names: str, **changes: str) -> dict[str, Any]:
    """Return settings as another process sees them."""
    program = (
        "import json, sys; from viztube import settings;"
        "print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))"
    )
    result = run("-c", program, *names, **changes)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def assert_refused(result: subprocess.CompletedProcess[str], variable: str) -> None:
    """Assert that a start was refused with one sentence that names a variable."""
    assert result.returncode != 0
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("viztube: ")
    assert variable in lines[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEBUG", "maybe"),
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "replace-me-with-the-output-of-openssl"),
        ("JWT_SIGNING_KEY", "short"),
        ("JWT_SIGNING_KEY", f"{GOOD['JWT_SIGNING_KEY']} short"),
        ("JWT_SIGNING_KEY", f"{GOOD['JWT_SIGNING_KEY']}\nreplace-me-with-another-output-of"),
        ("JWT_SIGNING_KEY", f"{GOOD['JWT_SIGNING_KEY']} {GOOD['JWT_SIGNING_KEY']}"),
        ("JWT_SIGNING_KEY", " ".join(f"{n}{GOOD['JWT_SIGNING_KEY']}" for n in range(4))),
        ("JWT_SIGNING_KEY", f"#{GOOD['JWT_SIGNING_KEY']}"),
        ("PUBLIC_URL", "viztube.example/path"),
        ("DATABASE_URL", "sqlite:///x"),
        ("REDIS_URL", "redis://cache:many"),
        ("TRUSTED_PROXIES", "-1"),
        ("CORS_ORIGIN", "app.example"),
        ("RATE_LIMITS", "login=often"),
        ("LOG_LEVEL", "LOUD"),
        ("SENTRY_DSN", "https://sentry.example/1"),
        ("SERVE_MEDIA", "sometimes"),
        ("MEDIA_ROOT", "~no-such-person/media"),
        ("DATA_DIR", "~no-such-person/data"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_sentence(variable: str, value: str) -> None:
    assert_refused(run("manage.py", "check", **{variable: value}), variable)


def test_a_secret_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    result = run("manage.py", "check", SECRET_KEY_FILE=str(tmp_path / "missing"))

    assert_refused(result, "SECRET_KEY_FILE")


def test_development_without_servers_says_how_to_start_them(tmp_path: Path) -> None:
    result = run("manage.py", "check", DEBUG="1", DATA_DIR=str(tmp_path), DATABASE_URL="")

    assert_refused(result, "DATABASE_URL")
    assert "make run" in result.stderr


@pytest.mark.skipif(not EXAMPLE.exists(), reason="there is no .env.example")
def test_the_example_tells_every_rate() -> None:
    comment = EXAMPLE.read_text().partition("RATE_LIMITS=")[0].rpartition("\n\n")[2]

    told = dict(re.findall(r"([a-z-]+)=(\d+/\d+[smhd])", comment.partition("by address")[2]))

    assert told == RATES


@pytest.mark.skipif(not EXAMPLE.exists(), reason="there is no .env.example")
def test_the_examples_secrets_are_refused() -> None:
    example = {
        match[1]: match[2]
        for line in EXAMPLE.read_text().splitlines()
        if (match := re.fullmatch(r"#? ?([A-Z_]+)=(.*)", line))
    }
    for name in ("SECRET_KEY", "JWT_SIGNING_KEY"):
        assert name in example
        assert_refused(run("manage.py", "check", **{name: example[name]}), name)


def test_https_passes_the_deployment_check_and_http_does_not() -> None:
    passed = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert passed.returncode == 0, passed.stderr

    refused = run("manage.py", "check", "--deploy", PUBLIC_URL="http://viztube.example")
    assert refused.returncode != 0
    assert "viztube.E001" in refused.stderr


COOKIES = ("ACCESS_COOKIE", "REFRESH_COOKIE", "SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME")


def test_https_names_and_guards_its_cookies() -> None:
    seen = settings_with(
        *COOKIES,
        *("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT"),
        *("SECURE_HSTS_SECONDS", "TRUSTED_PROXIES", "SECURE_PROXY_SSL_HEADER", "ALLOWED_HOSTS"),
        *("CSRF_TRUSTED_ORIGINS", "DEBUG", "SERVE_MEDIA", "CORS_ALLOWED_ORIGINS"),
    )

    assert [seen[name] for name in COOKIES] == [
        "__Host-accessToken",
        "__Secure-refreshToken",
        "__Host-sessionid",
        "__Host-csrftoken",
    ]
    assert seen["SESSION_COOKIE_SECURE"] is seen["CSRF_COOKIE_SECURE"] is True
    assert seen["SECURE_SSL_REDIRECT"] is True
    assert seen["SECURE_HSTS_SECONDS"] == 31_536_000
    assert seen["TRUSTED_PROXIES"] == 1
    assert seen["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]
    loopback = ["localhost", "127.0.0.1", "[::1]"]
    assert seen["ALLOWED_HOSTS"] == ["viztube.example", *loopback, "viztube-api"]
    assert seen["CSRF_TRUSTED_ORIGINS"] == ["https://viztube.example"]
    assert seen["DEBUG"] is seen["SERVE_MEDIA"] is False
    assert seen["CORS_ALLOWED_ORIGINS"] == []


def test_http_has_plain_cookies_and_trusts_no_proxy() -> None:
    seen = settings_with(
        *COOKIES,
        *("SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS"),
        *("TRUSTED_PROXIES", "SECURE_PROXY_SSL_HEADER", "CORS_ALLOW_ALL_ORIGINS"),
        "CORS_ALLOW_CREDENTIALS",
        PUBLIC_URL="http://127.0.0.1:8000",
        CORS_ORIGIN="*",
    )

    assert [seen[name] for name in COOKIES] == [
        "accessToken",
        "refreshToken",
        "sessionid",
        "csrftoken",
    ]
    assert seen["SESSION_COOKIE_SECURE"] is seen["SECURE_SSL_REDIRECT"] is False
    assert seen["SECURE_HSTS_SECONDS"] == seen["TRUSTED_PROXIES"] == 0
    assert seen["SECURE_PROXY_SSL_HEADER"] is None
    assert seen["CORS_ALLOW_ALL_ORIGINS"] is True
    assert seen["CORS_ALLOW_CREDENTIALS"] is False


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    for name in ("SECRET_KEY", "JWT_SIGNING_KEY"):
        (tmp_path / name).write_text(f"from-a-file-{GOOD[name]}\n")

    seen = settings_with(
        "SECRET_KEY",
        "JWT_SIGNING_KEY",
        SECRET_KEY_FILE=str(tmp_path / "SECRET_KEY"),
        JWT_SIGNING_KEY_FILE=str(tmp_path / "JWT_SIGNING_KEY"),
    )

    assert seen == {name: f"from-a-file-{GOOD[name]}" for name in seen}


def test_the_first_of_several_keys_signs_and_all_verify(tmp_path: Path) -> None:
    keys = [f"{name}-{GOOD['JWT_SIGNING_KEY']}" for name in ("current", "next", "previous")]
    names = ("JWT_SIGNING_KEY", "JWT_VERIFYING_KEYS", "JWT_SIGNING_KEY_FILE")
    (tmp_path / "keys").write_text(f"# a comment\n{keys[0]}\n{keys[1]}\n  # or two\n{keys[2]}\n")
    path = str(tmp_path / "keys")

    by_file = settings_with(*names, JWT_SIGNING_KEY_FILE=path)
    by_variable = settings_with(*names, JWT_SIGNING_KEY=" ".join(keys))
    one = settings_with(*names)

    assert list(by_file.values()) == [keys[0], keys, path]
    assert list(by_variable.values()) == [keys[0], keys, None]
    assert list(one.values()) == [GOOD["JWT_SIGNING_KEY"], [GOOD["JWT_SIGNING_KEY"]], None]


def test_development_makes_up_the_keys_it_lacks(tmp_path: Path) -> None:
    seen = settings_with(
        *("SECRET_KEY", "JWT_SIGNING_KEY", "PUBLIC_URL", "DEBUG"),
        DEBUG="1",
        DATA_DIR=str(tmp_path),
        SECRET_KEY="",
        JWT_SIGNING_KEY="",
        PUBLIC_URL="",
    )

    assert len(seen["SECRET_KEY"]) >= 32
    assert seen["SECRET_KEY"] != seen["JWT_SIGNING_KEY"]
    assert (seen["PUBLIC_URL"], seen["DEBUG"]) == ("http://127.0.0.1:8000", True)
