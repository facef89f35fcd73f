"""On one's own machine nginx serves plain http: no gate, and nothing that binds browsers to TLS."""

import httpx
import pytest

from viztube.ops.tests.edge import (
    ALWAYS,
    BYTES,
    KEY,
    check_envelope,
    put,
    running_application,
    running_edge,
    speak,
)
from viztube.ops.tests.stack import STRANGER, needs_nginx

pytestmark = [pytest.mark.slow, needs_nginx]

OTHERS = {name: value for name, value in ALWAYS.items() if name != "Strict-Transport-Security"}


def test_the_plain_site_has_no_gate_and_no_hsts() -> None:
    with (
        running_application() as application,
        running_edge(application.address, PUBLIC_URL="http://localhost:8080") as stack,
    ):
        put(stack, f"p/{KEY}/video.mp4")
        site = f"http://127.0.0.1:{stack.environ['HTTP_PORT']}"
        with httpx.Client(base_url=site, headers={"CF-Connecting-IP": "203.0.113.7"}) as client:
            media = client.get(f"/media/p/{KEY}/video.mp4")
            answer = client.get("/api/v2/videos")
        garbage = speak(stack, b"GARBAGE\r\n\r\n", scheme="http", address=STRANGER)

    assert (media.status_code, media.content) == (200, BYTES)
    assert answer.text == "application"
    for one in (media, answer):
        assert {name: one.headers.get(name) for name in OTHERS} == OTHERS
        assert "Strict-Transport-Security" not in one.headers
    heard = application.asked[-1].headers
    # No Cloudflare here: whoever says so only says so.
    assert heard.get_all("X-Forwarded-For") == ["127.0.0.1"]
    assert heard.get_all("X-Forwarded-Proto") == ["http"]
    check_envelope(garbage, 400, "invalid")
