"""The stand-in for Cloudinary delivers, forgets, streams and notifies as the real one does."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import cloudinary
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import pytest
import requests

from viztube.media.tests.standin import Fault, Notice, StandIn
from viztube.media.tests.test_standin import (
    HD,
    MIB,
    VIDEO,
    address,
    connected_standin,
    fetch,
    send,
)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with connected_standin() as running:
        yield running


@pytest.mark.parametrize("change", ["rename", "destroy"])
def test_a_delivered_file_stays_at_the_edge_until_it_is_invalidated(
    standin: StandIn, change: str
) -> None:
    def make(invalidate: bool) -> None:
        options = {"resource_type": "video", "invalidate": invalidate}
        if change == "rename":
            cloudinary.uploader.rename(VIDEO, "h/9", **options)
            cloudinary.uploader.destroy("h/9", resource_type="video")
        else:
            cloudinary.uploader.destroy(VIDEO, **options)

    assert fetch(address()).status_code == 404  # never cached
    send()
    assert fetch(address()).status_code == 200
    make(invalidate=False)
    assert fetch(address()).status_code == 200
    assert fetch(address(version=7)).status_code == 404  # another address: not at the edge

    send()
    make(invalidate=True)
    assert fetch(address()).status_code == 404


def test_parts_of_a_file_are_delivered(standin: StandIn) -> None:
    standin.put("video", VIDEO, b"0123456789", format="mp4")

    answers = [
        fetch(address(), Range=text)
        for text in ("bytes=2-4", "bytes=7-", "bytes=-2", "bytes=8-99", "bytes=10-", "lines=1-2")
    ]

    assert [answer.status_code for answer in answers] == [206, 206, 206, 206, 416, 200]
    assert [answer.content for answer in answers[:4]] == [b"234", b"789", b"89", b"89"]
    assert answers[0].headers["Content-Range"] == "bytes 2-4/10"
    assert answers[4].headers["Content-Range"] == "bytes */10"


def test_asking_for_the_head_only_tells_the_size(standin: StandIn) -> None:
    asset = standin.put("video", VIDEO, b"0123456789", format="mp4")

    answer = fetch(asset.secure_url, "HEAD")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert fetch(address(extension="webm"), "HEAD").status_code == 404


def test_a_stream_is_there_once_it_is_finished(standin: StandIn) -> None:
    playlist = address(streaming_profile="hd", extension="m3u8")
    assert "batch_id" in send(eager=[HD], eager_async=True)
    assert fetch(playlist).status_code == 404

    standin.finish_streams()

    texts = [fetch(playlist).text]
    for _ in range(2):
        inside = next(line for line in texts[-1].splitlines() if not line.startswith("#"))
        answer = fetch(standin.url + inside)
        assert answer.status_code == 200
        texts.append(answer.text)
    assert texts[0].startswith("#EXTM3U")
    assert texts[1].startswith("#EXTM3U")


def test_a_stream_can_be_asked_for_later_and_fail(standin: StandIn) -> None:
    with pytest.raises(cloudinary.exceptions.NotFound):
        cloudinary.uploader.explicit(VIDEO, resource_type="video", type="upload", eager=[HD])
    send()
    cloudinary.uploader.explicit(
        VIDEO, resource_type="video", type="upload", eager=[HD], eager_async=True
    )

    [notice] = standin.finish_streams(failed=True)

    assert json.loads(notice.body)["eager"][0]["status"] == "failed"
    assert fetch(address(streaming_profile="hd", extension="m3u8")).status_code == 404


def test_a_stream_asked_for_before_a_rename_fails(standin: StandIn) -> None:
    send(eager=[HD], eager_async=True)
    cloudinary.uploader.rename(VIDEO, "h/9", resource_type="video")

    [notice] = standin.finish_streams()

    payload = json.loads(notice.body)
    assert (payload["public_id"], payload["eager"][0]["status"]) == (VIDEO, "failed")
    assert standin.assets["video", "h/9"].streams == set()


def test_a_notification_arrives_signed(standin: StandIn) -> None:
    with listening() as (url, arrived):
        answer = send(eager=[HD], eager_async=True, eager_notification_url=url)
        [returned] = standin.finish_streams()

    [notice] = arrived
    assert notice.body == returned.body
    assert verified(notice)
    payload = json.loads(notice.body)
    assert payload["notification_type"] == "eager"
    assert payload["batch_id"] == answer["batch_id"]
    assert payload["asset_id"] == answer["asset_id"]
    assert payload["public_id"] == VIDEO
    [stream] = payload["eager"]
    assert (stream["transformation"], stream["format"]) == ("sp_hd/m3u8", "m3u8")
    assert fetch(stream["secure_url"]).text.startswith("#EXTM3U")


def test_nobody_has_to_listen_to_a_notification(standin: StandIn) -> None:
    send(eager=[HD], eager_async=True, eager_notification_url="http://127.0.0.1:9/")
    assert len(standin.finish_streams()) == 1
    assert standin.finish_streams() == []


def test_a_notification_of_another_time_is_signed_too_and_no_longer_counts(
    standin: StandIn,
) -> None:
    assert verified(standin.notice({"a": "ä"}))
    assert not verified(standin.notice({"a": 1}, timestamp=int(time.time()) - 8000))


def test_a_delivery_may_break_off(standin: StandIn) -> None:
    standin.put("video", VIDEO, bytes(MIB), format="mp4")
    standin.fail("deliver", Fault.LOST, Fault.CLOSED, Fault.UNAVAILABLE)

    for _ in range(2):
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            fetch(address())
    assert fetch(address()).status_code == 503
    assert fetch(address()).content == bytes(MIB)


@contextmanager
def listening() -> Iterator[tuple[str, list[Notice]]]:
    """Run a server that keeps what is posted to it."""
    arrived: list[Notice] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.append(Notice(body, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/notify", arrived
        finally:
            server.shutdown()
            thread.join()


def verified(notice: Notice) -> bool:
    return bool(
        cloudinary.utils.verify_notification_signature(
            notice.body.decode(),
            int(notice.headers["X-Cld-Timestamp"]),
            notice.headers["X-Cld-Signature"],
        )
    )
