"""Cloudinary in use on the whole running service; Cloudinary itself is stood in for."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from viztube.media.tests.fixtures import CLIP, picture
from viztube.media.tests.standin import Fault, StandIn, running_standin
from viztube.ops.tests.clips import padded_clip
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.push_memory import MB, measure
from viztube.ops.tests.site import TAKE_UP, RunningSite, running_site, site_environ
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]


@pytest.fixture(scope="module")
def cloudinary() -> Iterator[StandIn]:
    with running_standin() as server:
        yield server


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, cloudinary: StandIn) -> Iterator[RunningSite]:
    environ = site_environ(tmp_path_factory.mktemp("site"))
    with running_site(environ | {"CLOUDINARY_URL": cloudinary.cloudinary_url}) as running:
        yield running


def upload(client: httpx.Client, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = client.post("/videos", data={"title": "x"}, files={"videoFile": file})
    assert answer.status_code == 201
    return dict(answer.json()["data"]["video"])


def files_here(site: RunningSite) -> list[Path]:
    return [path for path in (site.data_dir / "media").rglob("*") if path.is_file()]


def test_a_video_goes_to_cloudinary_and_a_notification_brings_its_stream(
    site: RunningSite, cloudinary: StandIn
) -> None:
    client = site.sign_up("amy")
    client.patch("/user/update-avatar", files={"avatar": picture("PNG").getvalue()})
    first = upload(client, CLIP)
    assert httpx.get(first["videoFileUrl"], follow_redirects=True).content == CLIP.read_bytes()

    def video() -> dict[str, Any]:
        return dict(client.get(f"/videos/{first['id']}").json()["data"])

    assert eventually(lambda: video()["videoFileUrl"].startswith(cloudinary.url), 30)
    assert eventually(lambda: files_here(site) == [], 10)
    assert video()["processingStatus"] == "PROCESSING"
    cloudinary.finish_streams()
    # By the notification: the poll would come after 20 seconds.
    assert eventually(lambda: video()["processingStatus"] == "COMPLETED", 10)
    done = video()
    assert httpx.get(done["streamUrl"]).text.startswith("#EXTM3U")
    assert httpx.get(first["videoFileUrl"], follow_redirects=True).content == CLIP.read_bytes()

    hidden = client.patch(f"/videos/toggle/publish/{first['id']}").json()["data"]
    old = [done["videoFileUrl"], done["thumbnailUrl"], done["streamUrl"], first["videoFileUrl"]]

    def is_hidden() -> bool:
        return {httpx.get(one, follow_redirects=True).status_code for one in old} == {404}

    assert eventually(is_hidden, 10)
    assert httpx.get(hidden["videoFileUrl"]).status_code == 200
    assert client.delete(f"/videos/{first['id']}").status_code == 200
    keys = {address.split("/")[-2] for address in (done["videoFileUrl"], hidden["videoFileUrl"])}

    def is_gone() -> bool:
        return not any(key in name for key in keys for name in cloudinary.stored())

    assert eventually(is_gone, 10)


def test_a_worker_killed_between_the_last_chunk_and_the_row_leaves_exactly_one_asset(
    site: RunningSite, cloudinary: StandIn, tmp_path: Path
) -> None:
    client = site.sign_up("ben")
    before = cloudinary.stored()
    cloudinary.slow_seconds = 120
    cloudinary.fail("upload", None, None, Fault.SLOW)
    video = upload(client, padded_clip(tmp_path / "chunks.mp4", 15 * MB))
    key = video["videoFilePublicId"].split("/")[1]

    def arrived() -> set[str]:
        return {name for name in cloudinary.stored() - before if key in name}

    assert eventually(lambda: len(arrived()) == 1, 30)
    os.kill(site.worker(), signal.SIGKILL)
    cloudinary.slow_seconds = 0
    # The row knows of nothing, and yet the file is not taken for one that nobody has.
    assert (
        client.get(f"/videos/{video['id']}").json()["data"]["videoFileUrl"]
        == (video["videoFileUrl"])
    )
    told = site.manage("reconcile_media")
    assert len(arrived()) == 1, told
    site.manage("shell", "-c", TAKE_UP)

    def is_recorded() -> bool:
        row = client.get(f"/videos/{video['id']}").json()["data"]
        return all(
            row[name].startswith(cloudinary.url) for name in ("videoFileUrl", "thumbnailUrl")
        )

    assert eventually(is_recorded, 60)
    assert eventually(lambda: files_here(site) == [], 10)
    site.manage("reconcile_media")
    assert arrived() == {f"video p/{key}/video", f"image p/{key}/poster"}
    sent = [one for one in cloudinary.requests if one.action == "upload" and one.kind == "video"]
    assert len([one for one in sent if key in one.params["public_id"]]) == 3


def test_hiding_does_not_wait_for_what_is_being_sent(
    site: RunningSite, cloudinary: StandIn
) -> None:
    client = site.sign_up("cleo")
    seen = upload(client, CLIP)

    def address() -> str:
        return str(client.get(f"/videos/{seen['id']}").json()["data"]["videoFileUrl"])

    assert eventually(lambda: address().startswith(cloudinary.url), 30)
    public = address()
    cloudinary.slow_seconds = 8
    cloudinary.fail("upload", Fault.SLOW, Fault.SLOW)
    before = len(cloudinary.requests)
    for _ in range(2):
        upload(client, CLIP)
    assert eventually(
        lambda: any(one.action == "upload" for one in cloudinary.requests[before:]), 10
    )
    client.patch(f"/videos/toggle/publish/{seen['id']}")

    assert eventually(lambda: httpx.get(public).status_code == 404, 4)


def test_a_push_of_100_mb_takes_less_than_60_mb(tmp_path: Path) -> None:
    figures = measure(tmp_path)

    assert figures.growth < 60 * MB, figures
