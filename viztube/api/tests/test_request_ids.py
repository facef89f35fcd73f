"""X-Request-ID: in, out, in error bodies and in the log."""

import logging

import pytest

from viztube.api.request_ids import RequestIdFilter, request_id, set_request_id
from viztube.api.tests.fixtures import Client

HEALTH = "/api/v2/healthcheck"


@pytest.mark.parametrize("given", ["abcd1234", "A.b_c-9" * 9, "0" * 64])
def test_a_sane_id_is_kept(api: Client, given: str) -> None:
    answer = api.get(HEALTH, X_Request_ID=given)

    assert answer.response["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "0" * 65, "with space", "<script>alert(1)", "ünïcödé1", "abcd1234\t"]
)
def test_any_other_id_is_replaced(api: Client, given: str) -> None:
    response = api.http.get(HEALTH, headers={"X-Request-ID": given})

    assert response["X-Request-ID"] != given
    assert len(response["X-Request-ID"]) == 32


def test_each_request_has_an_id_of_its_own(api: Client) -> None:
    ids = {api.get(HEALTH).response["X-Request-ID"] for _ in range(3)}

    assert len(ids) == 3


@pytest.mark.parametrize("path", ["/api/v2/nowhere", "/api/v2/user/current-user-details"])
def test_an_error_names_the_id_of_its_request(api: Client, path: str) -> None:
    answer = api.get(path, X_Request_ID="from-the-caller")

    assert answer.body["requestId"] == answer.response["X-Request-ID"] == "from-the-caller"


def test_log_records_carry_the_id() -> None:
    record = logging.makeLogRecord({"msg": "hello"})
    previous = request_id()
    try:
        set_request_id("abcd1234")
        assert RequestIdFilter().filter(record)
        assert record.__dict__["request_id"] == "abcd1234"
        set_request_id("")
        RequestIdFilter().filter(record)
        assert record.__dict__["request_id"] == "-"
    finally:
        set_request_id(previous)
