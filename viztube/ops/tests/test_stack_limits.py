"""Who guesses and who sends too much is refused by nginx, before the application sees anything."""

import time

import httpx
import pytest

from viztube.ops.tests.edge import (
    VISITORS,
    Application,
    check_envelope,
    check_headers,
    speak,
)
from viztube.ops.tests.stack import HOST, Stack, needs_nginx

pytestmark = [pytest.mark.slow, needs_nginx]

# What nginx lets through of a visitor's guesses before it refuses one.
BURST = 20
ADMIN = "/admin/login/"
LOGIN = "/api/v2/user/login"
REGISTER = "/api/v2/user/register"
CHANGE = "/api/v2/user/change-password"

MEGABYTE = 1_048_576
# What nginx takes at each address, in bytes.
BODIES = {
    LOGIN: 1_000_000,
    "/api/v2/user/sessions": 1_000_000,
    ADMIN: 1_000_000,
    REGISTER: 21 * MEGABYTE,
    "/api/v2/user/update-avatar": 11 * MEGABYTE,
    "/api/v2/user/update-cover-image/": 11 * MEGABYTE,
    "/api/v2/videos/": 112 * MEGABYTE,
    "/api/v2/videos/0199": 11 * MEGABYTE,
    "/api/v2/videos/0199/comments": 1_000_000,
}


def guess(client: httpx.Client, address: str, times: int) -> list[httpx.Response]:
    return [client.post(address, json={}) for _ in range(times)]


@pytest.mark.parametrize(
    "address",
    [ADMIN, "/admin/login", LOGIN, f"{LOGIN}/", REGISTER, CHANGE, "/api/v2/user/%6cogin"],
)
def test_guesses_are_refused_by_nginx(edge: Stack, application: Application, address: str) -> None:
    client = edge.client(next(VISITORS))

    answers = guess(client, address, BURST + 10)

    refused = [answer for answer in answers if answer.status_code == 429]
    # In the meantime one or another becomes free again: 20 a minute.
    assert len(refused) >= 2
    assert refused[0] not in answers[: BURST + 1]
    check_envelope(refused[0], 429, "throttled")
    check_headers(refused[0])
    assert refused[0].headers["Retry-After"] == "3"
    ids = {answer.headers["X-Request-ID"] for answer in refused}
    assert not ids & application.ids()
    assert edge.proxied(min(ids))["upstream_status"] == ""


def test_guesses_at_different_addresses_count_together(edge: Stack) -> None:
    client = edge.client(next(VISITORS))
    guess(client, LOGIN, BURST)
    guess(client, ADMIN, 2)

    answers = [*guess(client, REGISTER, 2), *guess(client, CHANGE, 2)]

    assert 429 in {answer.status_code for answer in answers}


def test_neither_reading_nor_others_are_refused(edge: Stack) -> None:
    client, other = edge.client(next(VISITORS)), edge.client(next(VISITORS))
    assert guess(client, LOGIN, BURST + 10)[-1].status_code == 429

    for address in (ADMIN, LOGIN, REGISTER, CHANGE, "/api/v2/videos"):
        assert client.get(address).status_code == 200
        assert client.head(address).status_code == 200
    assert client.post("/api/v2/user/logout").status_code == 200
    assert other.post(LOGIN).status_code == 200


def test_who_was_refused_may_guess_again_only_slowly(edge: Stack) -> None:
    client = edge.client(next(VISITORS))
    assert guess(client, LOGIN, BURST + 10)[-1].status_code == 429

    # Half of what one guess takes: 20 are a minute's.
    time.sleep(1.5)

    assert [answer.status_code for answer in guess(client, LOGIN, 4)].count(429) >= 2


def test_a_refusal_of_the_application_passes_as_it_is(
    edge: Stack, application: Application
) -> None:
    application.answer = lambda asked: (429, {"Retry-After": "17"}, b"mine")

    answer = edge.client(next(VISITORS)).post(LOGIN)

    assert (answer.status_code, answer.content) == (429, b"mine")
    assert answer.headers.get_list("Retry-After") == ["17"]


def claiming(address: str, length: int) -> bytes:
    """Return a request that says how long its body is, and does not send it."""
    head = f"POST {address} HTTP/1.1\r\nHost: {HOST}\r\nCF-Connecting-IP: {next(VISITORS)}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize(("address", "length"), BODIES.items())
def test_a_body_is_refused_by_its_length(
    edge: Stack, application: Application, address: str, length: int
) -> None:
    answer = speak(edge, claiming(address, length + 1))

    check_envelope(answer, 413, "too_large")
    check_headers(answer)
    assert answer is not None
    assert answer.headers["X-Request-ID"] not in application.ids()


@pytest.mark.parametrize(
    ("address", "length"), [item for item in BODIES.items() if item[1] <= 11 * MEGABYTE]
)
def test_a_body_as_long_as_allowed_arrives(
    edge: Stack, application: Application, address: str, length: int
) -> None:
    answer = edge.client(next(VISITORS)).post(address, content=bytes(length))

    assert answer.status_code == 200
    assert len(application.asked[-1].body) == length


def test_a_body_of_unknown_length_is_refused_once_it_is_too_long(
    edge: Stack, application: Application
) -> None:
    chunks = iter([bytes(600_000), bytes(600_000)])

    answer = edge.client(next(VISITORS)).post(LOGIN, content=chunks)

    check_envelope(answer, 413, "too_large")
    assert answer.headers["X-Request-ID"] not in application.ids()
