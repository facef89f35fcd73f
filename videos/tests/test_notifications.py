"""Which notifications are taken: those that Cloudinary signed, lately, once."""

import hashlib
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from videos import tasks
from videos.models import Notification, Video
from videos.tests.jobs import waiting_jobs
from videos.tests.pushing import (
    Told,
    answer_to,
    eager_done,
    eager_failed,
    notify,
    pushed_video,
    uploaded,
)
from viztube.api.tests.fixtures import Client
from viztube.media.cloud import NOTIFY_PATH
from viztube.media.tests.standin import Notice, StandIn

pytestmark = pytest.mark.django_db

TIME, SIGNATURE = "X-Cld-Timestamp", "X-Cld-Signature"
HOUR = 3600


@pytest.fixture
def video(standin: StandIn) -> Video:
    return pushed_video()


@pytest.fixture
def genuine(standin: StandIn, video: Video) -> Notice:
    return eager_done(standin, video.video_public_id)


@pytest.fixture
def assert_nothing_taken(video: Video) -> Callable[[], None]:
    """Return a check that neither row nor queue nor memory of notifications has changed."""
    before = Video.objects.values().get()

    def check() -> None:
        assert Video.objects.values().get() == before
        assert not Notification.objects.exists()
        assert waiting_jobs() == []

    return check


def signed(standin: StandIn, body: bytes, timestamp: str | None = None) -> dict[str, str]:
    """Return the headers that belong to a body, with a timestamp of whatever form."""
    moment = str(int(time.time())) if timestamp is None else timestamp
    secret = standin.api_secret
    return {TIME: moment, SIGNATURE: hashlib.sha1(body + (moment + secret).encode()).hexdigest()}


def test_a_genuine_notification_is_taken_without_cookie_or_token(
    api: Client, genuine: Notice
) -> None:
    assert notify(api, genuine) == 200

    assert Notification.objects.count() == 1
    assert waiting_jobs() == ["confirm_stream"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Referer": "https://evil.example/page"},
        {"Cookie": "accessToken=junk; refreshToken=junk; sessionid=junk"},
        {"Authorization": "Bearer junk"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain; charset=utf-16"},
        {"Accept": "text/html"},
    ],
)
def test_nothing_but_the_signature_decides(
    api: Client, genuine: Notice, headers: dict[str, str]
) -> None:
    assert notify(api, genuine, **headers) == 200
    assert waiting_jobs() == ["confirm_stream"]


def test_a_sha_256_signature_is_taken_too(api: Client, standin: StandIn, genuine: Notice) -> None:
    text = genuine.body + (genuine.headers[TIME] + standin.api_secret).encode()

    assert notify(api, genuine, X_Cld_Signature=hashlib.sha256(text).hexdigest()) == 200


@pytest.mark.parametrize("age", [-55, 0, 2 * HOUR - 5])
def test_clocks_may_differ_and_notifications_may_be_late(
    api: Client, standin: StandIn, genuine: Notice, age: int
) -> None:
    moment = int(time.time()) - age

    assert notify(api, standin.notice(json.loads(genuine.body), timestamp=moment)) == 200


@pytest.mark.parametrize("age", [2 * HOUR + 5, 24 * HOUR, 10**9, -65, -HOUR])
def test_one_that_is_old_or_of_the_future_is_refused(
    api: Client,
    standin: StandIn,
    genuine: Notice,
    assert_nothing_taken: Callable[[], None],
    age: int,
) -> None:
    moment = int(time.time()) - age

    assert notify(api, standin.notice(json.loads(genuine.body), timestamp=moment)) == 401
    assert_nothing_taken()


def other_secret(notice: Notice) -> dict[str, str]:
    text = notice.body + (notice.headers[TIME] + "another-secret-of-16-or-more").encode()
    return {SIGNATURE: hashlib.sha1(text).hexdigest()}


def without_secret(notice: Notice) -> dict[str, str]:
    return {SIGNATURE: hashlib.sha1(notice.body + notice.headers[TIME].encode()).hexdigest()}


FORGED: dict[str, Callable[[Notice], dict[str, str | None]]] = {
    "no headers": lambda notice: {TIME: None, SIGNATURE: None},
    "no timestamp": lambda notice: {TIME: None},
    "no signature": lambda notice: {SIGNATURE: None},
    "an empty timestamp": lambda notice: {TIME: ""},
    "an empty signature": lambda notice: {SIGNATURE: ""},
    "a signature of another length": lambda notice: {SIGNATURE: notice.headers[SIGNATURE][:-1]},
    "a wrong signature": lambda notice: {SIGNATURE: "0" * 40},
    "a wrong signature of the other length": lambda notice: {SIGNATURE: "0" * 64},
    "a signature in capitals": lambda notice: {SIGNATURE: notice.headers[SIGNATURE].upper()},
    "a signature that is not ASCII": lambda notice: {SIGNATURE: "é" * 40},
    "a signature with another secret": lambda notice: {**other_secret(notice)},
    "a signature without a secret": lambda notice: {**without_secret(notice)},
    "another timestamp": lambda notice: {TIME: str(int(notice.headers[TIME]) - 1)},
    "an exponent": lambda notice: {TIME: "1e9"},
    "a timestamp with a sign": lambda notice: {TIME: f"+{notice.headers[TIME]}"},
    "a timestamp with a fraction": lambda notice: {TIME: f"{notice.headers[TIME]}.0"},
}


@pytest.mark.parametrize("forgery", FORGED)
def test_a_forged_one_is_refused(
    api: Client, genuine: Notice, assert_nothing_taken: Callable[[], None], forgery: str
) -> None:
    changes = {name.replace("-", "_"): value for name, value in FORGED[forgery](genuine).items()}

    assert notify(api, genuine, **changes) == 401
    assert_nothing_taken()


@pytest.mark.parametrize(
    "timestamp",
    [
        *("junk", "", "0", "-1", "-" + "9" * 12, "9" * 12, "9" * 13, "9" * 5000, "1e9", "nan"),
        *("0x10", "1 764 000 000", "1_764_000_000"),
        # Digits, but not ASCII's, as they arrive over HTTP.
        *("\u0661\u0662".encode().decode("latin-1"), "\u00b2"),
    ],
)
def test_a_timestamp_that_is_none_is_refused_even_when_signed(
    api: Client,
    standin: StandIn,
    genuine: Notice,
    assert_nothing_taken: Callable[[], None],
    timestamp: str,
) -> None:
    headers = signed(standin, genuine.body, timestamp)

    assert answer_to(api, genuine.body, headers).status_code == 401
    assert_nothing_taken()


@pytest.mark.parametrize("change", ["another id", "a blank", "a digit of the timestamp", "nothing"])
def test_a_signature_fits_one_body_only(
    api: Client,
    standin: StandIn,
    genuine: Notice,
    assert_nothing_taken: Callable[[], None],
    change: str,
) -> None:
    headers = dict(genuine.headers)
    body = {
        "another id": eager_done(standin, "p/another").body,
        "a blank": genuine.body + b" ",
        # Signed is the same text, cut at another place.
        "a digit of the timestamp": genuine.body + headers[TIME][:1].encode(),
        "nothing": b"",
    }[change]
    if change == "a digit of the timestamp":
        headers[TIME] = headers[TIME][1:]

    assert answer_to(api, body, headers).status_code == 401
    assert_nothing_taken()


def test_one_that_was_taken_is_refused(api: Client, standin: StandIn, genuine: Notice) -> None:
    assert notify(api, genuine) == 200
    assert [notify(api, genuine) for _ in range(2)] == [401, 401]
    # Nor under another form of its signature, which would be another one to remember.
    assert notify(api, genuine, X_Cld_Signature=genuine.headers[SIGNATURE].upper()) == 401

    assert waiting_jobs() == ["confirm_stream"]
    assert Notification.objects.count() == 1


def test_what_it_was_is_forgotten_when_it_is_too_old_to_come_again(
    api: Client, genuine: Notice
) -> None:
    notify(api, genuine)
    tasks.prune_notifications(timestamp=0)
    assert Notification.objects.count() == 1

    Notification.objects.update(received_at=timezone.now() - timedelta(hours=3, minutes=2))
    tasks.prune_notifications(timestamp=0)
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"junk", b"[]", b'"text"', b"1", b"null", b"true", b"\xff\xfe"),
        *(b'{"a":NaN}', b'{"public_id":"\\ud800"}'),
    ],
)
def test_signed_but_no_json_object_is_400(
    api: Client, standin: StandIn, assert_nothing_taken: Callable[[], None], body: bytes
) -> None:
    response = answer_to(api, body, signed(standin, body))

    assert response.status_code == 400
    assert_nothing_taken()


def test_signed_but_nested_without_end_is_400(
    api: Client, standin: StandIn, assert_nothing_taken: Callable[[], None]
) -> None:
    body = b'{"a":' + b"[" * 100_000

    assert answer_to(api, body, signed(standin, body)).status_code == 400
    assert_nothing_taken()


def test_a_body_over_a_megabyte_is_413(
    api: Client, standin: StandIn, assert_nothing_taken: Callable[[], None]
) -> None:
    body = b'{"a":"' + b"x" * 1_000_000 + b'"}'

    response = answer_to(api, body, signed(standin, body))

    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert_nothing_taken()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_any_other_method_is_405(
    api: Client, genuine: Notice, assert_nothing_taken: Callable[[], None], method: str
) -> None:
    response = answer_to(api, genuine.body, genuine.headers, method)

    assert response.status_code == 405
    assert response["Allow"] == "POST, OPTIONS"
    assert_nothing_taken()


def test_without_cloudinary_there_is_nothing(
    api: Client, genuine: Notice, settings: Any, assert_nothing_taken: Callable[[], None]
) -> None:
    settings.CLOUDINARY_ACCOUNT = None

    assert notify(api, genuine) == notify(api, genuine, X_Cld_Signature=None) == 404
    assert_nothing_taken()


UNKNOWN: dict[str, Any] = {
    "an id of nobody": "p/0123456789abcdef0123456789abcdef/video",
    "an id of another service": "sample",
    "an id with NUL": "p/\0/video",
    "an id with odd characters": "p/\u2028\U0001f600\ufffe/video",
    "an empty id": "",
    "a long id": "x" * 100_000,
    "a number": 17,
    "null": None,
    "a list": ["p"],
    "an object": {"p": 1},
}


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("told", [eager_done, eager_failed, uploaded])
def test_what_it_says_of_unknown_files_is_ignored(
    api: Client, standin: StandIn, video: Video, told: Told, case: str
) -> None:
    before = Video.objects.values().get()

    assert notify(api, told(standin, UNKNOWN[case])) == 200
    assert waiting_jobs() == []
    assert Video.objects.values().get() == before


@pytest.mark.parametrize("kind", ["image", "raw", "", None, 5, ["video"]])
def test_what_it_says_of_files_that_are_no_videos_is_ignored(
    api: Client, standin: StandIn, video: Video, kind: Any
) -> None:
    notice = eager_failed(standin, video.video_public_id, resource_type=kind)

    assert notify(api, notice) == 200
    assert waiting_jobs() == []


@pytest.mark.parametrize("payload", [{}, {"public_id": "x", "eager": "failed"}, {"eager": [1]}])
def test_what_says_nothing_is_ignored(
    api: Client, standin: StandIn, video: Video, payload: dict[str, Any]
) -> None:
    assert notify(api, standin.notice(payload)) == 200
    assert waiting_jobs() == []


@pytest.mark.parametrize("eager", [None, "failed", {"status": "failed"}, [None, "failed", 1], []])
def test_an_odd_report_of_a_video_makes_us_look(
    api: Client, standin: StandIn, video: Video, eager: Any
) -> None:
    assert notify(api, eager_done(standin, video.video_public_id, eager=eager)) == 200
    assert waiting_jobs() == ["confirm_stream"]


def test_a_failure_inside_lets_the_next_attempt_succeed(
    api: Client,
    genuine: Notice,
    assert_nothing_taken: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**arguments: Any) -> None:
        raise RuntimeError("the queue is away")

    with monkeypatch.context() as broken:
        broken.setattr(tasks.confirm_stream, "defer", fail)
        assert notify(api, genuine) == 500
    assert_nothing_taken()

    # Cloudinary sends the same once more.
    assert notify(api, genuine) == 200
    assert waiting_jobs() == ["confirm_stream"]


def test_a_browser_may_not_call_from_another_site(api: Client, genuine: Notice) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    response = api.http.options(NOTIFY_PATH, headers=headers)

    assert "Access-Control-Allow-Origin" not in response.headers
