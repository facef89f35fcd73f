"""How often who may ask, and what answers say of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.http import HttpRequest

from viztube.api.errors import TooManyRequests
from viztube.api.tests.fixtures import Answer, Client
from viztube.api.tests.limits import HOUR, assert_refused, from_address, limit, new_address, told
from viztube.api.throttling import OWN_KEYS, READ, Scope, _own, network_of

# Nothing listens there.
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def no_valkey(settings: Any) -> None:
    """Let this process have a Valkey that refuses connections, for this test alone."""
    default = {**settings.CACHES["default"], "LOCATION": NOWHERE}
    settings.CACHES = {"default": default}


def read(client: Client, times: int, **headers: str) -> list[Answer]:
    return [client.get("videos", **headers) for _ in range(times)]


def spied_on(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what is sent to Valkey from now on, one text a round trip."""
    sent: list[bytes] = []
    send = redis.Connection.send_packed_command

    def spy(self: Any, command: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(b"".join(command))
        return send(self, command, *arguments, **options)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(redis.Connection, "send_packed_command", spy)
    return sent


def statuses(answers: list[Answer]) -> list[int]:
    return [answer.status for answer in answers]


def test_so_many_reads_are_answered_and_no_more(api: Client, settings: Any) -> None:
    limit(settings, read=3)
    from_address(api)

    answers = read(api, 5)

    assert statuses(answers) == [200, 200, 200, 429, 429]
    assert_refused(answers[3], "read")
    # The refused ones have not made the wait any longer.
    assert int(answers[4].response["Retry-After"]) <= HOUR / 3


def test_an_answer_tells_what_is_left(api: Client, settings: Any) -> None:
    limit(settings, read=3)
    from_address(api)

    assert [told(answer)[:4] for answer in read(api, 3)] == [
        ("read", 3, HOUR, 2),
        ("read", 3, HOUR, 1),
        ("read", 3, HOUR, 0),
    ]


def test_an_answer_tells_when_all_is_there_again(api: Client, settings: Any) -> None:
    limit(settings, read=3)
    from_address(api)

    times = [told(answer)[4] for answer in read(api, 3)]

    for number, seconds in enumerate(times, 1):
        assert HOUR / 3 * (number - 1) < seconds <= HOUR / 3 * number


def test_errors_count_and_tell_like_successes(api: Client, settings: Any) -> None:
    limit(settings, read=2)
    from_address(api)

    answers = [api.get("videos/nothing"), api.get("videos", query={"page": "0"}), *read(api, 1)]

    assert statuses(answers) == [404, 400, 429]
    assert told(answers[1])[3] == 0


def test_what_is_asked_for_at_different_addresses_counts_together(
    api: Client, settings: Any
) -> None:
    limit(settings, read=2)
    from_address(api)

    answers = [api.request("HEAD", "videos"), api.get("user/c/nobody"), api.get("user/c/nobody")]

    assert statuses(answers) == [200, 404, 429]


def test_one_more_is_let_through_when_its_part_of_the_time_is_over(
    api: Client, settings: Any
) -> None:
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "read": (2, 4)}
    from_address(api)
    assert statuses(read(api, 2)) == [200, 200]
    refused = read(api, 1)[0]
    while refused.status == 200:  # a machine that busy
        refused = read(api, 1)[0]

    time.sleep(int(refused.response["Retry-After"]))

    assert read(api, 1)[0].status == 200


def test_a_changed_rate_starts_anew(api: Client, settings: Any) -> None:
    limit(settings, read=1)
    from_address(api)
    assert statuses(read(api, 2)) == [200, 429]

    limit(settings, read=2)

    assert statuses(read(api, 3)) == [200, 200, 429]


def test_every_key_runs_out(api: Client, settings: Any) -> None:
    limit(settings, read=10)
    address = new_address()
    read(from_address(api, address), 4)

    client = cache._cache.get_client(write=True)  # type: ignore[attr-defined]

    lifetime = client.ttl(f"viztube:limit:read:10/{HOUR}:{address}")
    assert HOUR / 10 * 3 < lifetime <= HOUR / 10 * 4 + 1


def test_a_limit_costs_one_round_trip(
    api: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings, read=10)
    read(from_address(api), 1)  # the script is known now
    sent = spied_on(monkeypatch)

    read(api, 1)

    (about_limits,) = [text for text in sent if b"limit:" in text]
    assert about_limits.count(b"EVALSHA") == 1


def test_it_is_asked_along_with_who_calls(
    user_client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(settings, read=10)
    read(from_address(user_client), 2)  # the script and the caller are known now
    sent = spied_on(monkeypatch)

    read(user_client, 1)

    (together,) = [text for text in sent if b"limit:" in text]
    assert b"principal:" in together


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_forged_address_changes_nothing(api: Client, settings: Any, proxies: int) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    limit(settings, read=2)
    # The proxy adds to the end of what the client has sent.
    seen = f", {new_address()}" if proxies else ""
    from_address(api, "127.0.0.1" if proxies else None)

    answers = [
        api.get("videos", X_Forwarded_For=f"{new_address()}{seen}", X_Real_IP=new_address())
        for _ in range(3)
    ]

    assert statuses(answers) == [200, 200, 429]


def test_behind_a_proxy_clients_are_told_apart(api: Client, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    limit(settings, read=1)
    from_address(api, "127.0.0.1")
    one, other = new_address(), new_address()

    assert statuses(read(api, 2, X_Forwarded_For=one)) == [200, 429]
    assert statuses(read(api, 1, X_Forwarded_For=other)) == [200]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", "unknown"),
    ],
)
def test_ipv6_counts_by_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_whole_ipv6_network_is_one_caller(api: Client, settings: Any) -> None:
    limit(settings, read=2)
    network = f"2001:db8:{new_address().split('.')[2]}:{new_address().split('.')[3]}"
    answers = [
        *read(from_address(api, f"{network}::1"), 1),
        *read(from_address(api, f"{network}:ffff:ffff:ffff:ffff"), 1),
        *read(from_address(api, f"{network}::2"), 1),
    ]

    assert statuses(answers) == [200, 200, 429]


@pytest.mark.usefixtures("no_valkey")
def test_without_valkey_the_process_counts_by_itself(api: Client, settings: Any) -> None:
    limit(settings, read=3)
    from_address(api)

    answers = read(api, 4)

    assert statuses(answers) == [200, 200, 200, 429]
    assert_refused(answers[3], "read")
    assert told(answers[0])[:4] == ("read", 3, HOUR, 2)


@pytest.mark.usefixtures("no_valkey")
def test_without_valkey_counting_is_exact_and_bounded(settings: Any) -> None:
    limit(settings, read=50)
    address = new_address()

    def ask(number: int) -> bool:
        try:
            READ.take(HttpRequest(), address)
        except TooManyRequests:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(ask, range(300))) == 50
    for number in range(OWN_KEYS + 10):
        _own.do((f"somebody {number}",), (1, 1, 1))
    assert len(_own._backend.get_client()) == OWN_KEYS


def test_only_the_tightest_limit_is_told(settings: Any) -> None:
    limit(settings, read=5, write=2, upload=9)
    request: Any = HttpRequest()
    for name in ("read", "write", "upload"):
        Scope(name).take(request, new_address())

    assert request.rate_limit[0] == "write"


@pytest.mark.parametrize("page", ["/", "/watch/nothing"])
def test_pages_for_people_are_limited_too(api: Client, settings: Any, page: str) -> None:
    limit(settings, read=1)
    from_address(api)
    assert api.get(page).response.status_code in {200, 404}

    refused: Any = api.get(page).response

    assert refused.status_code == 429
    assert refused["Content-Type"] == "text/plain"
    assert refused["Retry-After"] in refused.content.decode()


@pytest.mark.parametrize("page", ["schema", "docs", "redoc"])
def test_making_a_document_counts(api: Client, settings: Any, page: str) -> None:
    limit(settings, read=1)
    read(from_address(api), 1)

    assert api.http.get(f"/api/v2/{page}").status_code == 429


def test_sites_that_may_call_us_may_read_what_is_left(api: Client, settings: Any) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = True

    exposed = api.get("videos", Origin="https://app.example").response

    names = {name.strip() for name in exposed["Access-Control-Expose-Headers"].split(",")}
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= names
