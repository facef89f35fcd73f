"""The stand-in for Cloudinary behaves as its clients need it to, seen through the real SDK."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import cloudinary
import cloudinary.api
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import pytest
import requests

from viztube.environment import Environment
from viztube.media.tests.fixtures import CLIP, picture
from viztube.media.tests.standin import Fault, StandIn, running_standin

VIDEO, POSTER = "p/0123/video", "p/0123/poster"
HD = {"streaming_profile": "hd", "format": "m3u8"}
MIB = 1024 * 1024


@contextmanager
def connected_standin() -> Iterator[StandIn]:
    """Run a stand-in that the SDK talks to."""
    with running_standin() as running:
        cloudinary.config(
            cloud_name=running.cloud,
            api_key=running.api_key,
            api_secret=running.api_secret,
            upload_prefix=running.url,
            cname=running.url.removeprefix("http://"),
            private_cdn=True,
            secure=False,
        )
        try:
            yield running
        finally:
            cloudinary.reset_config()


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with connected_standin() as running:
        yield running


def send(content: bytes | None = None, public_id: str = VIDEO, **options: Any) -> dict[str, Any]:
    file = BytesIO(CLIP.read_bytes() if content is None else content)
    answer: dict[str, Any] = cloudinary.uploader.upload(
        file, resource_type="video", public_id=public_id, filename="upload", **options
    )
    return answer


def send_poster(**options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = cloudinary.uploader.upload(picture(), public_id=POSTER, **options)
    return answer


def long_clip(size: int) -> bytes:
    return CLIP.read_bytes() + bytes(size - CLIP.stat().st_size)


def address(public_id: str = VIDEO, extension: str = "mp4", **options: Any) -> str:
    return str(
        cloudinary.utils.cloudinary_url(
            public_id, resource_type="video", **{"format": extension} | options
        )[0]
    )


def fetch(url: str, method: str = "GET", **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers=headers, timeout=10)


@pytest.mark.parametrize("name", ["a video", "a picture"])
def test_an_upload_is_described_and_delivered_as_it_was_sent(standin: StandIn, name: str) -> None:
    video = name == "a video"
    answer = send(tags=["a", "b"]) if video else send_poster(tags=["a", "b"])

    assert answer["resource_type"] == ("video" if video else "image")
    assert answer["format"] == ("mp4" if video else "png")
    assert (answer["width"], answer["height"]) == ((1280, 720) if video else (64, 48))
    assert answer.get("duration") == (12.5 if video else None)
    assert answer["tags"] == ["a", "b"]
    assert datetime.fromisoformat(answer["created_at"]).tzinfo is UTC
    assert cloudinary.utils.verify_api_response_signature(
        answer["public_id"], answer["version"], answer["signature"]
    )
    delivered = fetch(answer["secure_url"])
    assert delivered.content == (CLIP.read_bytes() if video else picture().getvalue())
    assert delivered.headers["Content-Type"] == ("video/mp4" if video else "image/png")


def test_the_cloudinary_url_leads_the_sdk_to_the_standin(standin: StandIn) -> None:
    account = Environment({"CLOUDINARY_URL": standin.cloudinary_url}).cloudinary("CLOUDINARY_URL")

    assert account is not None
    assert dict(account.options) == {
        "upload_prefix": standin.url,
        "cname": standin.url.removeprefix("http://"),
        "private_cdn": True,
        "secure": False,
    }
    assert address() == f"{standin.url}/video/upload/v1/{VIDEO}.mp4"


def test_a_call_is_recorded_with_its_parameters(standin: StandIn) -> None:
    send(overwrite=False, invalidate=True)
    cloudinary.api.resource(VIDEO, resource_type="video")

    upload, resource = standin.requests
    assert (upload.method, upload.action, upload.kind) == ("POST", "upload", "video")
    assert upload.params["overwrite"] == "0"
    assert upload.params["invalidate"] == "1"
    assert upload.headers["content-type"].startswith("multipart/form-data")
    assert (resource.method, resource.action, resource.kind) == ("GET", "resource", "video")
    assert resource.params == {"public_id": VIDEO}


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"api_secret": "another"}, cloudinary.exceptions.AuthorizationRequired),
        ({"api_key": "1"}, cloudinary.exceptions.AuthorizationRequired),
        ({"cloud_name": "another"}, cloudinary.exceptions.AuthorizationRequired),
        ({"public_id": "p/a?b"}, cloudinary.exceptions.BadRequest),
    ],
)
def test_wrong_credentials_and_ids_are_refused(
    standin: StandIn, options: dict[str, Any], status: type[Exception]
) -> None:
    with pytest.raises(status):
        send(**{"public_id": VIDEO} | options)
    assert standin.stored() == set()


def test_an_ampersand_and_letters_beyond_ascii_are_signed_as_the_sdk_signs_them(
    standin: StandIn,
) -> None:
    assert send_poster(context={"alt": "Ä&b=c"}, tags="ä")["tags"] == ["ä"]


@pytest.mark.parametrize("seconds", [-3700, 400])
def test_a_call_from_another_time_is_stale(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, seconds: int
) -> None:
    monkeypatch.setattr(cloudinary.utils, "now", lambda: str(int(time.time()) + seconds))

    with pytest.raises(cloudinary.exceptions.BadRequest, match="Stale request"):
        send_poster()


@pytest.mark.parametrize("kind", ["image", "video"])
def test_what_is_no_media_file_is_refused(standin: StandIn, kind: str) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest):
        cloudinary.uploader.upload(b"just text", resource_type=kind, public_id=VIDEO)


def test_uploading_again_replaces_unless_overwriting_is_off(standin: StandIn) -> None:
    first = send()
    kept = send(long_clip(2 * MIB), overwrite=False)
    assert (kept["existing"], kept["version"]) == (True, first["version"])
    assert kept["bytes"] == first["bytes"]

    replaced = send(long_clip(2 * MIB))
    assert replaced["version"] > first["version"]
    assert standin.assets["video", VIDEO].bytes == 2 * MIB


def test_a_file_arrives_in_chunks(standin: StandIn) -> None:
    content = long_clip(13 * MIB)
    answer = cloudinary.uploader.upload_large(
        BytesIO(content), resource_type="video", public_id=VIDEO, chunk_size=6 * MIB
    )

    assert answer["bytes"] == 13 * MIB
    assert standin.assets["video", VIDEO].content == content
    ranges = [call.headers["Content-Range"].split("/")[0] for call in standin.requests]
    assert ranges == ["bytes 0-6291455", "bytes 6291456-12582911", "bytes 12582912-13631487"]


def test_small_chunks_and_gaps_are_refused(standin: StandIn) -> None:
    with pytest.raises(cloudinary.exceptions.BadRequest, match="larger than 5mb"):
        cloudinary.uploader.upload_large(
            BytesIO(bytes(3 * MIB)), resource_type="video", public_id=VIDEO, chunk_size=MIB
        )
    headers = {"Content-Range": "bytes 6-8/9", "X-Unique-Upload-Id": "x"}
    with pytest.raises(cloudinary.exceptions.BadRequest, match="Expected the chunk"):
        send(b"abc", http_headers=headers)
    assert standin.stored() == set()


def test_a_lost_chunk_ends_an_upload_and_a_new_one_succeeds(standin: StandIn) -> None:
    content = long_clip(11 * MIB)
    standin.fail("upload", Fault.CLOSED)

    def send_large() -> Any:
        return cloudinary.uploader.upload_large(
            BytesIO(content), resource_type="video", public_id=VIDEO, chunk_size=6 * MIB
        )

    with pytest.raises(cloudinary.exceptions.Error):
        send_large()
    assert send_large()["bytes"] == 11 * MIB


def test_renaming_keeps_the_version_and_drops_the_stream(standin: StandIn) -> None:
    version = send(eager=[HD], eager_async=True)["version"]
    standin.finish_streams(notify=False)
    assert standin.assets["video", VIDEO].streams == {"hd"}

    answer = cloudinary.uploader.rename(VIDEO, "h/9", resource_type="video", overwrite=False)

    assert (answer["public_id"], answer["version"]) == ("h/9", version)
    assert standin.stored() == {"video h/9"}
    assert standin.assets["video", "h/9"].streams == set()


def test_renaming_needs_a_source_and_a_free_target(standin: StandIn) -> None:
    with pytest.raises(cloudinary.exceptions.NotFound, match=f"Resource not found - {VIDEO}"):
        cloudinary.uploader.rename(VIDEO, "h/9", resource_type="video")
    send()
    send(public_id="h/9")
    with pytest.raises(cloudinary.exceptions.BadRequest, match=r"\(h/9\) already exists"):
        cloudinary.uploader.rename(VIDEO, "h/9", resource_type="video", overwrite=False)
    cloudinary.uploader.rename(VIDEO, "h/9", resource_type="video", overwrite=True)
    assert standin.stored() == {"video h/9"}


def test_deleting_twice_is_no_error(standin: StandIn) -> None:
    send()
    results = [cloudinary.uploader.destroy(VIDEO, resource_type="video") for _ in range(2)]
    assert [result["result"] for result in results] == ["ok", "not found"]


def test_files_are_listed_page_after_page(standin: StandIn) -> None:
    for number in range(7):
        standin.put("video", f"p/{number}", b"x", format="mp4", age=timedelta(days=1))
    standin.put("video", "h/1", b"x", format="mp4")
    standin.put("image", "p/1", b"x", format="jpg")

    found: list[str] = []
    cursor = None
    pages = 0
    while pages == 0 or cursor:
        page = cloudinary.api.resources(
            resource_type="video", type="upload", prefix="p/", max_results=3, next_cursor=cursor
        )
        found += [item["public_id"] for item in page["resources"]]
        # Files that go between two pages take nothing else away.
        standin.assets.pop(("video", found[0]), None)
        cursor = page.get("next_cursor")
        pages += 1

    assert (pages, found) == (3, [f"p/{number}" for number in range(7)])
    assert page.rate_limit_remaining == 499
    made_at = datetime.fromisoformat(page["resources"][0]["created_at"])
    assert timedelta(days=1) <= datetime.now(UTC) - made_at < timedelta(days=1, minutes=1)


def test_files_are_looked_up_by_their_ids(standin: StandIn) -> None:
    standin.put("image", "p/1", picture().getvalue(), format="png")
    standin.put("image", "p/2", b"x", format="jpg")

    answer = cloudinary.api.resources_by_ids(["p/1", "p/3"])
    found = cloudinary.api.resource("p/1")

    assert [item["public_id"] for item in answer["resources"]] == ["p/1"]
    assert (found["width"], found["height"], found["bytes"]) == (64, 48, answer_size(answer))
    with pytest.raises(cloudinary.exceptions.NotFound):
        cloudinary.api.resource("p/3")
    with pytest.raises(cloudinary.exceptions.BadRequest):
        cloudinary.api.resources_by_ids([f"p/{number}" for number in range(101)])


def test_the_admin_api_wants_the_credentials(standin: StandIn) -> None:
    assert cloudinary.api.ping()["status"] == "ok"
    with pytest.raises(cloudinary.exceptions.AuthorizationRequired):
        cloudinary.api.ping(api_secret="another")


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (Fault.SERVER_ERROR, cloudinary.exceptions.GeneralError),
        (Fault.UNAVAILABLE, cloudinary.exceptions.GeneralError),
        (Fault.BAD_GATEWAY, cloudinary.exceptions.Error),
        (Fault.RATE_LIMITED, cloudinary.exceptions.RateLimited),
        (Fault.TOO_MANY, cloudinary.exceptions.RateLimited),
        (Fault.UNAUTHORIZED, cloudinary.exceptions.AuthorizationRequired),
        (Fault.REFUSED, cloudinary.exceptions.BadRequest),
        (Fault.CLOSED, cloudinary.exceptions.Error),
        (Fault.LOST, cloudinary.exceptions.Error),
    ],
)
def test_a_call_meets_its_fault_and_the_next_one_does_not(
    standin: StandIn, fault: Fault, raised: type[Exception]
) -> None:
    standin.fail("upload", fault)

    with pytest.raises(raised):
        send()

    assert bool(standin.stored()) == (fault is Fault.LOST)
    assert "existing" not in send()
    assert [call.action for call in standin.requests] == ["upload"] * 2


def test_a_slow_answer_outlasts_a_client_and_the_work_is_done(standin: StandIn) -> None:
    standin.fail("upload", Fault.SLOW)
    with pytest.raises(cloudinary.exceptions.Error, match="timed out"):
        send(timeout=0.2)
    # Other calls are answered meanwhile, and the end of the test waits for nobody.
    assert cloudinary.api.resource(VIDEO, resource_type="video")["public_id"] == VIDEO


def test_a_form_that_is_none_is_refused(standin: StandIn) -> None:
    answers = [
        requests.post(f"{standin.url}/v1_1/demo/video/upload", data, headers=headers, timeout=5)
        for data, headers in (
            (b"abc", {"Content-Type": "text/plain"}),
            (b"--x\r\nabc", {"Content-Type": "multipart/form-data; boundary=x"}),
            (b"api_key=1", {"Content-Type": "application/x-www-form-urlencoded"}),
        )
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert all(answer.json()["error"]["message"] for answer in answers)


def test_the_sdk_repeats_a_question_that_got_no_answer_but_no_order(standin: StandIn) -> None:
    standin.fail("ping", Fault.LOST, Fault.CLOSED)
    cloudinary.api.ping()
    assert [call.action for call in standin.requests] == ["ping"] * 3

    standin.fail("destroy", Fault.LOST)
    with pytest.raises(cloudinary.exceptions.Error):
        cloudinary.uploader.destroy(VIDEO)
    assert len(standin.requests) == 4


def test_a_file_name_may_hold_any_letter(standin: StandIn) -> None:
    file = ('Ünï "x" ; a.mkv', b"\x00" * 10)
    answer = cloudinary.uploader.upload(file, resource_type="video", public_id=VIDEO)
    assert (answer["format"], answer["bytes"]) == ("mkv", 10)


def test_what_breaks_inside_is_raised_at_the_end() -> None:
    def ask_nonsense() -> None:
        with connected_standin(), pytest.raises(cloudinary.exceptions.GeneralError):
            cloudinary.api.resources(max_results="many")

    with pytest.raises(ValueError, match="many"):
        ask_nonsense()


def test_calls_at_the_same_time_all_count(standin: StandIn) -> None:
    ids = [f"p/{number}" for number in range(12)]
    threads = [threading.Thread(target=send, args=(None, public_id)) for public_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert standin.stored() == {f"video {public_id}" for public_id in ids}
    assert len({asset.version for asset in standin.assets.values()}) == 12


def test_nobody_answers_after_the_end() -> None:
    with running_standin() as ended:
        port = int(ended.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)


def answer_size(answer: dict[str, Any]) -> int:
    return int(answer["resources"][0]["bytes"])
