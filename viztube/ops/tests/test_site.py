"""The main job, on the whole running service: sign up, upload, watch, hide."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from viztube.media.tests.fixtures import CLIP, CLIP_DURATION, picture
from viztube.media.tests.multipart import MULTIPART, file_part
from viztube.ops.tests.clips import padded_clip
from viztube.ops.tests.processes import memory
from viztube.ops.tests.site import PROJECT, RunningSite, running_site, site_environ
from viztube.ops.tests.waiting import eventually

pytestmark = pytest.mark.slow

MB = 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    environ = site_environ(tmp_path_factory.mktemp("site"))
    # Streams are made where uploads are received, which these tests want to see empty.
    with running_site(environ | {"HLS_TOP_RUNG": "0"}) as running:
        yield running


def upload(client: httpx.Client, path: Path, title: str) -> httpx.Response:
    with path.open("rb") as file:
        return client.post("/videos", data={"title": title}, files={"videoFile": file})


def test_a_real_clip_goes_up_plays_and_is_counted_exactly(site: RunningSite) -> None:
    client = site.sign_up("amy")
    answer = upload(client, CLIP, "Bunny")

    assert answer.status_code == 201
    video = answer.json()["data"]["video"]
    assert video["duration"] == pytest.approx(CLIP_DURATION, abs=0.01)
    assert (video["width"], video["height"]) == (1280, 720)
    part = httpx.get(video["videoFileUrl"], headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, CLIP.read_bytes()[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{CLIP.stat().st_size}"
    assert httpx.get(video["videoFileUrl"]).content == CLIP.read_bytes()

    address = f"{site.api}/videos/{video['id']}"
    with ThreadPoolExecutor(50) as pool:
        views = [
            answer.json()["data"]["views"]
            for answer in pool.map(lambda _: httpx.get(address, timeout=60), range(50))
        ]
    assert len(views) == 50
    assert httpx.get(address).json()["data"]["views"] == 51


def test_hiding_makes_every_old_address_404_and_gives_the_owner_new_ones(
    site: RunningSite,
) -> None:
    client = site.sign_up("ben")
    video = upload(client, CLIP, "Hidden soon").json()["data"]["video"]
    old = (video["videoFileUrl"], video["thumbnailUrl"])
    assert [httpx.head(address).status_code for address in old] == [200, 200]

    hidden = client.patch(f"/videos/toggle/publish/{video['id']}").json()["data"]

    assert [httpx.head(address).status_code for address in old] == [404, 404]
    new = (hidden["videoFileUrl"], hidden["thumbnailUrl"])
    assert [httpx.head(address).status_code for address in new] == [200, 200]
    assert httpx.get(f"{site.api}/videos/{video['id']}").status_code == 404
    assert client.get(f"/videos/{video['id']}").json()["data"]["videoFileUrl"] == new[0]


def twenty_at_once(call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """Make twenty requests at the same moment."""
    with ThreadPoolExecutor(20) as pool:
        return list(pool.map(call, range(20)))


def test_of_twenty_registrations_of_one_name_one_is_made(site: RunningSite) -> None:
    def register(number: int) -> httpx.Response:
        person = {
            "username": "Fay" if number % 2 else "fAy",
            "email": f"{'FAY' if number % 3 else 'fay'}@viztube.example",
            "fullname": "Fay",
            "password": "violet-harbour-9",
        }
        return httpx.post(f"{site.api}/user/register", json=person, timeout=60)

    answers = twenty_at_once(register)

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert {answer.json()["code"] for answer in answers if answer.is_error} == {"conflict"}


def test_twenty_refreshes_of_one_token_give_one_successor(site: RunningSite) -> None:
    site.sign_up("gil")
    credentials = {"username": "gil", "password": "violet-harbour-9"}
    login = httpx.post(f"{site.api}/user/login", json=credentials).json()["data"]

    def refresh(_: int) -> httpx.Response:
        body = {"refreshToken": login["refreshToken"]}
        return httpx.post(f"{site.api}/user/refresh-token", json=body, timeout=60)

    answers = twenty_at_once(refresh)

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["data"]["refreshToken"] for answer in answers}) == 1


def test_a_session_ended_elsewhere_stops_at_once_in_every_process(site: RunningSite) -> None:
    client = site.sign_up("hal")
    # Both web processes have seen the session, and would let it go on for its minute.
    for _ in range(20):
        assert client.get("/user/current-user-details").status_code == 200
    other = httpx.post(
        f"{site.api}/user/login", json={"username": "hal", "password": "violet-harbour-9"}
    ).json()["data"]

    ended = httpx.post(
        f"{site.api}/user/logout-all", headers={"Authorization": f"Bearer {other['accessToken']}"}
    )

    assert ended.status_code == 200
    for _ in range(20):
        assert client.get("/user/current-user-details").status_code == 401


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_100_mb_upload_raises_no_process_by_more_than_30_mb(
    site: RunningSite, tmp_path: Path
) -> None:
    client = site.sign_up("cleo")
    # So that code loaded with the first upload is not taken for the second one's memory.
    for _ in range(6):
        upload(client, CLIP, "Warm")
    before = {}
    for pid in site.processes():
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # resets the peak, see proc(5)
        before[pid] = memory(pid, "VmRSS")
    big = padded_clip(tmp_path / "big.mp4", 100 * MB)

    assert upload(client, big, "Big").status_code == 201

    growth = {pid: memory(pid, "VmHWM") - rss for pid, rss in before.items()}
    assert max(growth.values()) <= 30 * MB, growth


def test_a_body_too_large_is_refused_unread_and_the_answer_arrives(
    site: RunningSite, tmp_path: Path
) -> None:
    client = site.sign_up("dan")
    huge = tmp_path / "huge.mp4"
    with huge.open("wb") as file:
        file.truncate(300 * MB)

    began = time.monotonic()
    answer = subprocess.run(
        [
            *("curl", "-sS", "-H", f"Authorization: {client.headers['Authorization']}"),
            *("-H", "Expect:", "-F", "title=x", "-F", f"videoFile=@{huge}"),
            *("-D", "-", f"{site.api}/videos"),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    head, _, body = (
        answer.partition("\n\n") if "\r\n\r\n" not in answer else answer.partition("\r\n\r\n")
    )
    assert " 413 " in head.splitlines()[0]
    assert "connection: close" in head.lower()
    assert json.loads(body)["code"] == "too_large"
    assert time.monotonic() - began < 5
    assert incoming(site) == []


HALF = CLIP.read_bytes()[: 500 * 1024]
# Where a client hangs up, and what it has sent by then.
HANGING_UP = {
    "in a file": ("POST", "videos", file_part("videoFile", HALF)),
    "in a second file": (
        "POST",
        "videos",
        file_part("thumbnail", picture().getvalue()) + file_part("videoFile", HALF),
    ),
    "between two files": ("POST", "videos", file_part("videoFile", HALF) + b"--X\r\n"),
    "behind the last byte of a file": ("PATCH", "user/update-avatar", file_part("avatar", HALF)),
}


@pytest.mark.parametrize("place", HANGING_UP)
def test_a_client_that_hangs_up_leaves_nothing(site: RunningSite, place: str) -> None:
    method, path, body = HANGING_UP[place]
    client = site.sign_up(f"eve{list(HANGING_UP).index(place)}")
    head = (
        f"{method} /api/v2/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: {client.headers['Authorization']}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {CLIP.stat().st_size}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(site.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        assert eventually(lambda: bool(incoming(site))), "the upload was never received"

    assert eventually(lambda: not incoming(site))
    account = client.get("/user/current-user-details").json()["data"]
    assert account["avatar"] == ""
    assert client.get("/videos", params={"userId": account["id"]}).json()["data"]["docs"] == []


def test_a_charset_that_is_no_text_encoding_is_ignored(site: RunningSite) -> None:
    answer = httpx.get(
        f"{site.api}/videos?query=x", headers={"Content-Type": "text/plain; charset=hex"}
    )

    assert answer.status_code == 200


def incoming(site: RunningSite) -> list[str]:
    """Return what lies in the folder of uploads that are being received."""
    return [path.name for path in (site.data_dir / "media" / "incoming").iterdir()]


def test_what_the_readme_says_to_try_works(site: RunningSite, tmp_path: Path) -> None:
    readme = (PROJECT / "README.md").read_text()
    commands = re.search(r"## Try it\n.*?```sh\n(.*?)```", readme, re.DOTALL)
    assert commands
    (tmp_path / "video.mp4").write_bytes(CLIP.read_bytes())
    script = commands[1].replace("http://127.0.0.1:8000", site.url)

    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    answers = [json.loads(text) for text in re.split(r"(?<=\})(?=\{\"statusCode\")", ran.stdout)]
    assert [answer["statusCode"] for answer in answers] == [201, 200, 201, 200, 200, 201]
    assert answers[3]["data"]["docs"][0]["title"] == "My first video"
    assert answers[4]["data"] == {"liked": True}
    assert answers[5]["data"]["videoId"] == answers[2]["data"]["video"]["id"]


def test_the_demo_login_it_prints_opens_the_admin(site: RunningSite) -> None:
    name, password = re.search(r"Demo login: (\S+), password (\S+)", site.output).groups()  # type: ignore[union-attr]
    with httpx.Client(base_url=site.url, follow_redirects=True) as browser:
        form = browser.get("/admin/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]  # type: ignore[index]
        page = browser.post(
            "/admin/login/?next=/admin/",
            data={"csrfmiddlewaretoken": token, "username": name, "password": password},
        )
    assert page.status_code == 200
    assert "Site administration" in page.text
    docs = httpx.get(f"{site.api}/videos?limit=100").json()["data"]["docs"]
    demo = [video for video in docs if video["user"]["username"] == name]
    assert len(demo) == 3
    assert httpx.get(demo[0]["videoFileUrl"]).status_code == 200
