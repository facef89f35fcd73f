"""Waiting for streams that a service makes."""

import time
from typing import Any

import httpx

from viztube.ops.tests.waiting import eventually

ENCODING_SECONDS = 180.0  # at most, on a machine that has much else to do


def processing(owner: httpx.Client, address: str) -> dict[str, Any]:
    """Return how far the stream of the video at an address is; it must not have failed."""
    data: dict[str, Any] = owner.get(f"{address}/processing").json()["data"]
    assert data["processingError"] is None, data
    return data


def await_stream(owner: httpx.Client, address: str) -> list[int]:
    """Wait until the stream of the video at an address is complete; return what was told of it.

    Those are the percentages, each once.
    """
    told: list[int] = []

    def is_complete() -> bool:
        data = processing(owner, address)
        if data["percent"] not in told[-1:]:
            told.append(data["percent"])
        time.sleep(0.1)
        return bool(data["processingStatus"] == "COMPLETED")

    assert eventually(is_complete, ENCODING_SECONDS), told
    return told
