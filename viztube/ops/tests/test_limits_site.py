"""Limits of the whole service: exact in all processes together, by the address that nginx saw."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import PASSWORD
from viztube.ops.tests.stack import Stack, needs_nginx, running_stack

pytestmark = [pytest.mark.slow, needs_nginx]

LOGINS = 7
READS = 5
RATES = f"login={LOGINS}/10h,login-address=1000000/1s,login-account=1000000/1s,read={READS}/10h"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Return the service as it is in production."""
    with temporary_data_dir() as folder, running_stack(folder, RATE_LIMITS=RATES) as running:
        yield running


def at_gunicorn(stack: Stack) -> httpx.Client:
    """Return a client past nginx, whose own limit would come first; it says who it came for."""
    return stack.clients.enter_context(
        httpx.Client(
            base_url=stack.machine.api,
            headers={"X-Forwarded-Proto": "https"},
            timeout=120,
            limits=httpx.Limits(max_connections=200),
        )
    )


def test_of_many_logins_at_once_exactly_the_number_gets_through(stack: Stack) -> None:
    stack.sign_up("popular", "198.51.100.1")
    client = at_gunicorn(stack)
    login = {"username": "popular", "password": PASSWORD}

    def sign_in(number: int) -> int:
        headers = {"X-Forwarded-For": "198.51.100.2"}
        return client.post("/user/login", json=login, headers=headers).status_code

    with ThreadPoolExecutor(200) as pool:
        answers = Counter(pool.map(sign_in, range(200)))

    assert answers == {200: LOGINS, 429: 200 - LOGINS}


def test_nginx_says_who_the_client_is_whatever_it_claims(stack: Stack) -> None:
    client = stack.client("198.51.100.3")
    forged = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(100, 101 + READS)]

    answers = [client.get("/api/v2/videos", headers=headers) for headers in forged]

    assert [answer.status_code for answer in answers] == [200] * READS + [429]
    assert answers[-1].headers["RateLimit"].startswith('"read";r=0;t=')
    assert stack.client("198.51.100.100").get("/api/v2/videos").status_code == 200
