"""``GET /videos/{id}/processing``: how far a video's streams are, to whom, at what cost."""

from collections.abc import Callable

import pytest

from users.models import User
from users.tests.factories import UserFactory
from users.tests.queries import captured_queries
from videos.models import Transcoding, Video
from videos.tests.factories import RenditionFactory, VideoFactory
from videos.tests.hidden import HIDDEN
from viztube.api.tests.fixtures import Client

pytestmark = pytest.mark.django_db

STREAM = "hls-0a1b2c3d"


def processing(client: Client, video: Video) -> dict[str, object]:
    """Return what a person is told, without the id."""
    data: dict[str, object] = client.get(f"videos/{video.pk}/processing").data
    assert data.pop("id") == str(video.pk)
    return data


def test_one_that_is_made(api: Client) -> None:
    video = VideoFactory.create(processing_status="PROCESSING", stream_file=f"{STREAM}/master.m3u8")
    Transcoding.objects.create(video=video, stream_folder=STREAM, percent=37)

    assert processing(api, video) == {
        "processingStatus": "PROCESSING",
        "percent": 37,
        "processingError": None,
        "streamUrl": f"http://127.0.0.1:8000/media/{video.folder}/{STREAM}/master.m3u8",
    }


def test_one_that_waits(api: Client) -> None:
    answer = processing(api, VideoFactory.create(processing_status="PROCESSING"))
    assert (answer["percent"], answer["streamUrl"]) == (0, None)


def test_one_that_is_complete_whether_it_is_made_anew_or_not(api: Client) -> None:
    video = VideoFactory.create()
    Transcoding.objects.create(video=video, stream_folder=STREAM, percent=37)
    assert processing(api, video)["percent"] == 100


@pytest.mark.parametrize(("who", "told"), [("owner", "Too strange."), ("else", None)])
def test_why_it_failed_is_the_owners_to_know(
    client_for: Callable[[User], Client], who: str, told: str | None
) -> None:
    video = VideoFactory.create(processing_status="FAILED", processing_error="Too strange.")
    client = client_for(video.user if who == "owner" else UserFactory.create())
    answer = processing(client, video)

    assert answer["processingStatus"] == "FAILED"
    assert answer["percent"] is None
    assert answer["processingError"] == told


def test_who_is_signed_out_is_not_told_why(api: Client) -> None:
    video = VideoFactory.create(processing_status="FAILED", processing_error="Too strange.")
    assert processing(api, video)["processingError"] is None


@pytest.mark.parametrize("kind", HIDDEN)
def test_of_what_is_hidden_nothing_is_told(api: Client, kind: str) -> None:
    assert api.get(f"videos/{HIDDEN[kind]().pk}/processing").status == 404


@pytest.mark.parametrize("pk", ["none", "01890000-0000-7000-8000-000000000000"])
def test_there_is_no_such_video(api: Client, pk: str) -> None:
    assert api.get(f"videos/{pk}/processing").status == 404


def test_it_costs_one_statement_and_counts_no_view(api: Client) -> None:
    video = VideoFactory.create(processing_status="PROCESSING")
    Transcoding.objects.create(video=video, stream_folder=STREAM)
    with captured_queries() as statements:
        processing(api, video)

    assert len(statements) == 1, statements
    assert api.get(f"videos/{video.pk}").data["views"] == 1


@pytest.mark.parametrize("call", ["videos", "videos/{}"])
def test_qualities_are_listed_the_lowest_first(api: Client, call: str) -> None:
    video = VideoFactory.create(stream_file=f"{STREAM}/master.m3u8")
    RenditionFactory.create(video=video, height=720, width=1280, bitrate=1_500_000)
    RenditionFactory.create(video=video)
    RenditionFactory.create(height=360)
    data = api.get(call.format(video.pk)).data
    (answer,) = [one for one in data.get("docs", [data]) if one["id"] == str(video.pk)]

    codecs = "avc1.640015,mp4a.40.2"
    assert answer["renditions"] == [
        {"height": 240, "width": 426, "bitrate": 400_000, "codecs": codecs},
        {"height": 720, "width": 1280, "bitrate": 1_500_000, "codecs": codecs},
    ]
    assert answer["streamUrl"].endswith(f"/{video.folder}/{STREAM}/master.m3u8")
