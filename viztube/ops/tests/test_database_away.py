"""PostgreSQL is taken away while people use the service: they are told so at once."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
import pytest

from viztube.ops.tests.outages import (
    PROCESSES,
    Service,
    kill,
    revive,
    send,
    under_load,
)
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

AWAY_SECONDS = 5
# Two are promised; the machine of the test may be busy with other things.
REFUSED_SECONDS = 4


@contextmanager
def killed(service: Service) -> Iterator[None]:
    kill(service.postgres)
    yield
    revive(service.postgres, service.machine.environ["DATABASE_URL"])


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    send(service.postgres, signal.SIGSTOP)
    yield
    send(service.postgres, signal.SIGCONT)


@pytest.mark.parametrize("outage", [killed, frozen], ids=["killed", "hangs"])
def test_people_are_told_at_once_and_nothing_is_left_half_done(
    service: Service, outage: Callable[[Service], AbstractContextManager[None]]
) -> None:
    workers = service.api_workers()
    video = service.videos()[0]
    lines = [service.logged("PostgreSQL is away"), service.logged("PostgreSQL is back")]
    made = service.count("SELECT count(*) FROM social_comment")

    with under_load(service) as load:
        time.sleep(1)
        with outage(service):
            time.sleep(AWAY_SECONDS)
            pages = [
                httpx.get(f"{service.root}/watch/{video}", timeout=10),
                httpx.get(f"{service.root}/admin/", cookies={"sessionid": "0" * 32}, timeout=10),
            ]
            assert service.metric("viztube_database_up") == 0
        assert eventually(service.works, 30)
        settled = time.monotonic()
        time.sleep(2)

    print(load.figures())
    assert {(page.status_code, page.headers["Retry-After"]) for page in pages} == {(503, "5")}
    assert set(load.statuses()) <= {200, 201, 503}
    refused = [answer for answer in load.answers if answer.status == 503]
    assert refused
    assert {json.loads(answer.text)["code"] for answer in refused} == {"unavailable"}
    assert {answer.retry_after for answer in refused} == {"5"}
    assert max(answer.seconds for answer in refused) < REFUSED_SECONDS
    # By the processes that were there, and for good.
    assert service.api_workers() == workers
    assert not [one for one in refused if one.began > settled]
    assert service.logged("PostgreSQL is away") - lines[0] == PROCESSES
    assert eventually(lambda: service.logged("PostgreSQL is back") - lines[1] == PROCESSES)
    # A commit whose word did not come may have happened; one that was told has.
    comments = [answer for answer in load.answers if answer.what == "comment"]
    told = sum(answer.status == 201 for answer in comments)
    there = service.count("SELECT count(*) FROM social_comment") - made
    assert told <= there <= len(comments)


def test_every_call_says_so(service: Service) -> None:
    document = json.loads(service.machine.manage("spectacular", "--format=openapi-json"))
    headers = {"Authorization": f"Bearer {service.sign_in(0)}"}
    answers = {}
    video = service.videos()[0]

    with killed(service), httpx.Client(headers=headers, timeout=10) as client:
        for path, calls in document["paths"].items():
            address = service.root + re.sub(r"{\w+}", video, path)
            for method in calls.keys() & {"get", "post", "put", "patch", "delete"}:
                answer = client.request(method, address, json={})
                answers[method, path] = answer.status_code, answer.elapsed.total_seconds()

    # Others are refused for their empty body, before anything is asked.
    assert len(answers) > 40
    print({call: code for call, (code, _) in answers.items() if code != 503})
    assert {code for code, _ in answers.values()} <= {400, 401, 503}
    reads = {call: code for call, (code, _) in answers.items() if call[0] in {"get", "delete"}}
    assert {call for call, code in reads.items() if code != 503} == set()
    assert max(seconds for _, seconds in answers.values()) < REFUSED_SECONDS
    assert eventually(service.works, 30)
