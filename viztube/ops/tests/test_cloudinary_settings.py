"""``CLOUDINARY_URL``: what is taken, what is refused, and that it is told to nobody."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from viztube.environment import CloudinaryAccount, Environment
from viztube.media.cloud import CloudinaryBackend
from viztube.ops.checks import cloudinary_is_https
from viztube.tests.test_settings import assert_refused, run, settings_with

KEY, SECRET = "123456789012345", "abcdefghijk-LMNOP_qrstuvwx1"
GOOD = f"cloudinary://{KEY}:{SECRET}@demo"
ADVICE = (
    "CLOUDINARY_URL must look like cloudinary://key:secret@cloud-name: copy the API environment "
    "variable from Cloudinary's console, or unset it to keep media here."
)


def account(value: str) -> CloudinaryAccount:
    found = Environment({"CLOUDINARY_URL": value}).cloudinary("CLOUDINARY_URL")
    assert found is not None
    return found


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_without_an_address_media_stays_here(value: str) -> None:
    assert Environment({}).cloudinary("CLOUDINARY_URL") is None
    assert Environment({"CLOUDINARY_URL": value}).cloudinary("CLOUDINARY_URL") is None


@pytest.mark.parametrize("cloud", ["demo", "my-cloud", "d0_x", "0"])
def test_the_address_from_the_console_is_taken_apart(cloud: str) -> None:
    value = f" cloudinary://{KEY}:{SECRET}@{cloud}\n"

    assert account(value) == CloudinaryAccount(cloud, KEY, SECRET)


def test_the_address_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "cloudinary"
    file.write_text(f"{GOOD}\n")
    env = Environment({"CLOUDINARY_URL_FILE": str(file)})

    assert env.cloudinary("CLOUDINARY_URL") == CloudinaryAccount("demo", KEY, SECRET)


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    env = Environment({"CLOUDINARY_URL_FILE": str(tmp_path / "missing")})

    with pytest.raises(ImproperlyConfigured, match="CLOUDINARY_URL_FILE names a file"):
        env.cloudinary("CLOUDINARY_URL")


@pytest.mark.parametrize(
    ("rest", "options"),
    [
        ("?secure=false", {"secure": False}),
        ("?secure=true", {"secure": True}),
        ("?secure=", {}),
        ("?private_cdn=True", {"private_cdn": True}),
        ("?cname=media.example", {"cname": "media.example"}),
        ("?secure_distribution=media.example", {"secure_distribution": "media.example"}),
        (
            "?upload_prefix=https%3A%2F%2Fapi-eu.cloudinary.com&secure=1",
            {"upload_prefix": "https://api-eu.cloudinary.com", "secure": True},
        ),
        ("/media.example", {"private_cdn": True, "secure_distribution": "media.example"}),
        ("?", {}),
    ],
)
def test_where_cloudinary_is_may_be_said_as_the_sdk_takes_it(
    rest: str, options: dict[str, str | bool]
) -> None:
    assert dict(account(GOOD + rest).options) == options


@pytest.mark.parametrize(
    "value",
    [
        # As consoles and tutorials show it.
        "cloudinary://<your_api_key>:<your_api_secret>@cloud",
        "cloudinary://<your_api_key>:<your_api_secret>@demo",
        f"cloudinary://{KEY}:<your_api_secret>@demo",
        f"cloudinary://{KEY}:**********@demo",
        f"cloudinary://{KEY}:{SECRET}@<cloud_name>",
        "cloudinary://API_KEY:API_SECRET@CLOUD_NAME",
        f"CLOUDINARY_URL={GOOD}",
        f'"{GOOD}"',
        f"export {GOOD}",
        # Parts that are missing, or somebody else's.
        "cloudinary://",
        "cloudinary://demo",
        f"cloudinary://{KEY}@demo",
        f"cloudinary://:{SECRET}@demo",
        f"cloudinary://{KEY}:@demo",
        f"cloudinary://{KEY}:{SECRET}",
        f"cloudinary://{KEY}:{SECRET}@",
        f"cloudinary://{KEY}:short@demo",
        f"cloudinary://key:{SECRET}@demo",
        f"cloudinary://{SECRET}:{KEY}@demo",
        f"cloudinary://{KEY}:{SECRET}@demo:80",
        f"cloudinary://{KEY}:{SECRET}@de mo",
        f"cloudinary://{KEY}:{SECRET}@Demo",
        f"cloudinary://{KEY}:{SECRET}@demo@demo",
        f"https://{KEY}:{SECRET}@demo",
        f"{KEY}:{SECRET}@demo",
        "demo",
        # Options that the SDK would take, and that we do not.
        f"{GOOD}?api_secret=x",
        f"{GOOD}?cloud_name=other",
        f"{GOOD}?secure=false&api_proxy=http://x",
        f"{GOOD}?Secure=false",
        f"{GOOD}?oauth_token=x",
        f"{GOOD}?secure=false#x",
        f"{GOOD}#x",
        f"{GOOD}/a/b",
        f"{GOOD}\n{GOOD}",
    ],
)
def test_anything_else_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        account(value)

    assert str(caught.value) == ADVICE


def test_an_account_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    found = account(f"{GOOD}?secure=false")
    logging.getLogger("viztube").warning("%s %r", found, found)
    shown = [repr(found), str(found), f"{found}", f"{[found]}", caplog.text]

    assert "demo" in repr(found)
    assert not [text for text in shown if KEY in text or SECRET in text]


def test_a_backend_shows_no_secret() -> None:
    backend = CloudinaryBackend(account(GOOD))
    shown = [repr(backend), str(backend), *traceback.format_exception(ValueError(backend))]

    assert not [text for text in shown if KEY in text or SECRET in text]


def test_the_deployment_check_refuses_a_placeholder_with_one_sentence() -> None:
    refused = run(
        *("manage.py", "check", "--deploy"),
        CLOUDINARY_URL="cloudinary://<your_api_key>:<your_api_secret>@demo",
    )

    assert_refused(refused, "CLOUDINARY_URL")
    assert ADVICE in refused.stderr


def test_the_deployment_check_passes_with_cloudinary_in_use() -> None:
    passed = run(
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"), CLOUDINARY_URL=GOOD
    )

    assert passed.returncode == 0, passed.stderr
    assert SECRET not in passed.stdout + passed.stderr


@pytest.mark.parametrize(
    "options",
    [
        "secure=false",
        "secure=0",
        "upload_prefix=http%3A%2F%2Fapi.example",
        "upload_prefix=HTTP://x",
    ],
)
def test_plain_http_to_cloudinary_is_nothing_to_deploy(settings: Any, options: str) -> None:
    settings.CLOUDINARY_ACCOUNT = account(f"{GOOD}?{options}")
    (error,) = cloudinary_is_https(None)

    assert error.id == "viztube.E002"
    assert KEY not in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize("rest", ["", "?secure=true", "?upload_prefix=https%3A%2F%2Fapi.example"])
def test_https_to_cloudinary_passes(settings: Any, rest: str) -> None:
    settings.CLOUDINARY_ACCOUNT = account(GOOD + rest)
    assert cloudinary_is_https(None) == []

    settings.CLOUDINARY_ACCOUNT = None
    assert cloudinary_is_https(None) == []


def test_the_deployment_check_refuses_plain_http_to_cloudinary() -> None:
    refused = run("manage.py", "check", "--deploy", CLOUDINARY_URL=f"{GOOD}?secure=false")

    assert refused.returncode != 0
    assert "viztube.E002" in refused.stderr
    assert SECRET not in refused.stderr


def test_the_settings_name_the_account_without_its_secret() -> None:
    seen = settings_with("CLOUDINARY_ACCOUNT", CLOUDINARY_URL=GOOD)

    assert seen == {"CLOUDINARY_ACCOUNT": "CloudinaryAccount('demo')"}
