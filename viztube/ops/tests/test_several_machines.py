"""Several web servers and workers on one database do nothing twice, and each what is its own."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from viztube.media.tests.fixtures import CLIP
from viztube.media.tests.standin import Fault, StandIn, running_standin
from viztube.ops.embedded import process
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import PASSWORD, Cluster, running_cluster
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.site import TAKE_UP
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]

NAMES = count(1)

# Folding for four seconds that no lock keeps apart, so that the workers do it at the same moment.
FOLD = """
import time
from videos.tasks import fold_views
for number in range(40):
    name = f"fold-{number}"
    fold_views.configure(
        lock=name, queueing_lock=name, task_kwargs={"timestamp": -number}
    ).defer()
    time.sleep(0.1)
"""
PUSHES = """
SELECT args->>'video_id', queue_name, status, attempts FROM procrastinate_jobs
WHERE task_name = 'videos.tasks.push_video' AND args->>'video_id' = ANY(%s)
"""
FOLDING = """
SELECT count(*) FROM procrastinate_jobs
WHERE task_name = 'videos.tasks.fold_views' AND status IN ('todo', 'doing')
"""
# The last tick of the job that sweeps, as a worker that has just started would have it.
SWEEP = """
import asyncio
import time
from procrastinate.contrib.django import app
from procrastinate.periodic import PeriodicDeferrer
clock = PeriodicDeferrer(app.periodic_registry, max_delay=3600)
ticks = clock.get_previous_tasks(time.time())
sweeps = [(one, at) for one, at in ticks if one.task.name.endswith(".prune_incoming")]
asyncio.run(clock.defer_jobs(sweeps))
"""
UNFOLDED = "SELECT count(*) FROM videos_viewevent WHERE video_id = %s"


@pytest.fixture(scope="module")
def cloudinary() -> Iterator[StandIn]:
    with running_standin() as server:
        yield server


@pytest.fixture(scope="module")
def cluster(cloudinary: StandIn) -> Iterator[Cluster]:
    """Return two web servers and three workers of one machine."""
    with (
        temporary_data_dir() as folder,
        running_cluster(
            folder, ["main", "main"], workers=3, CLOUDINARY_URL=cloudinary.cloudinary_url
        ) as running,
    ):
        yield running


@pytest.fixture
def tokens(cluster: Cluster) -> dict[str, Any]:
    return cluster.sign_up(f"amy{next(NAMES)}")


@pytest.fixture
def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['accessToken']}"}


def upload(api: str, bearer: dict[str, str]) -> httpx.Response:
    for _ in range(5):
        answer = httpx.post(
            f"{api}/videos",
            data={"title": "x"},
            files={"videoFile": CLIP.read_bytes()},
            headers=bearer,
            timeout=60,
        )
        if answer.status_code != 503:
            break
        # Too many at once for a busy machine: later, as it is told.
        time.sleep(int(answer.headers["Retry-After"]))
    return answer


def uploaded(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["data"]["video"])


def is_on(cloudinary: StandIn, cluster: Cluster, video: dict[str, Any]) -> bool:
    """Tell whether the row says that Cloudinary has both files."""
    ((original, poster),) = cluster.ask(
        "SELECT video_file, thumbnail_file FROM videos_video WHERE id = %s", video["id"]
    )
    return all(name.startswith(cloudinary.url) for name in (original, poster))


def key_of(video: dict[str, Any]) -> str:
    return str(video["videoFilePublicId"].split("/")[1])


def sent(cloudinary: StandIn, key: str) -> list[str]:
    """Return the kinds of the files of a video that were sent, each as often as it was."""
    return sorted(
        one.kind
        for one in cloudinary.requests
        if one.action == "upload" and key in one.params["public_id"]
    )


def test_a_token_that_is_refreshed_everywhere_at_once_has_one_successor(
    cluster: Cluster, tokens: dict[str, Any]
) -> None:
    def refresh(api: str, token: str = tokens["refreshToken"]) -> httpx.Response:
        return httpx.post(f"{api}/user/refresh-token", json={"refreshToken": token}, timeout=30)

    answers = cluster.at_once(20, refresh)

    assert {answer.status_code for answer in answers} == {200}
    (successor,) = {answer.json()["data"]["refreshToken"] for answer in answers}
    assert successor != tokens["refreshToken"]
    # A second one would be taken for a token in two hands, and end the session.
    assert [refresh(machine.api, successor).status_code for machine in cluster.machines] == [
        200,
        200,
    ]


def test_one_of_many_equal_registrations_succeeds(cluster: Cluster) -> None:
    person = {"username": "bea", "email": "bea@viztube.example", "fullname": "Bea"}

    answers = cluster.at_once(
        10,
        lambda api: httpx.post(
            f"{api}/user/register", json=person | {"password": PASSWORD}, timeout=60
        ),
    )

    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201] + [409] * 9
    assert cluster.count("SELECT count(*) FROM users_user WHERE username = 'bea'") == 1


def test_likes_are_given_once_and_toggles_keep_their_parity(
    cluster: Cluster, bearer: dict[str, str]
) -> None:
    video = uploaded(upload(cluster.machines[0].api, bearer))["id"]
    rows = "SELECT count(*) FROM social_like WHERE video_id = %s"

    def toggle(api: str) -> httpx.Response:
        return httpx.post(f"{api}/likes/toggle/v/{video}", headers=bearer, timeout=30)

    def like(api: str) -> httpx.Response:
        return httpx.put(f"{api}/likes/v/{video}", headers=bearer, timeout=30)

    toggled = cluster.at_once(41, toggle)
    assert {answer.status_code for answer in toggled} == {200}
    told = [answer.json()["data"]["liked"] for answer in toggled]
    assert told.count(True) - told.count(False) == 1 == cluster.count(rows, video)
    assert toggle(cluster.machines[1].api).json()["data"]["liked"] is False
    assert cluster.count(rows, video) == 0

    assert {answer.status_code for answer in cluster.at_once(20, like)} == {200}
    assert cluster.count(rows, video) == 1


def test_views_are_counted_exactly_while_three_workers_fold_them(
    cluster: Cluster, bearer: dict[str, str]
) -> None:
    video = uploaded(upload(cluster.machines[0].api, bearer))["id"]

    def views() -> tuple[int, int]:
        total = cluster.count("SELECT views FROM videos_video WHERE id = %s", video)
        daily = "SELECT coalesce(sum(views), 0) FROM videos_dailyviews WHERE video_id = %s"
        return total, cluster.count(daily, video)

    def see(api: str) -> httpx.Response:
        return httpx.get(f"{api}/videos/{video}", timeout=30)

    answers = []
    with ThreadPoolExecutor(1) as pool:
        folding = pool.submit(cluster.machines[0].manage, "shell", "-c", FOLD)
        while not folding.done():
            answers += cluster.at_once(20, see)
    folding.result()
    assert {answer.status_code for answer in answers} == {200}
    assert eventually(lambda: cluster.count(FOLDING) == 0, 30)
    folded, daily = views()
    assert 0 < folded == daily
    assert folded + cluster.count(UNFOLDED, video) == len(answers)
    # What is told adds what is not folded; the one who asks has seen it, too.
    assert see(cluster.machines[1].api).json()["data"]["views"] == len(answers) + 1


def test_each_upload_is_sent_exactly_once(
    cluster: Cluster, cloudinary: StandIn, bearer: dict[str, str]
) -> None:
    videos = [uploaded(one) for one in cluster.at_once(8, lambda api: upload(api, bearer))]

    for video in videos:
        assert eventually(partial(is_on, cloudinary, cluster, video), 60)
        assert sent(cloudinary, key_of(video)) == ["image", "video"]
        assert {name for name in cloudinary.stored() if key_of(video) in name} == {
            f"video p/{key_of(video)}/video",
            f"image p/{key_of(video)}/poster",
        }
    ids = [video["id"] for video in videos]
    assert eventually(lambda: "doing" not in {row[2] for row in cluster.ask(PUSHES, ids)}, 10)
    once = [(one, "push-main", "succeeded", 1) for one in sorted(ids)]
    assert sorted(cluster.ask(PUSHES, ids)) == once


def test_a_worker_killed_in_the_middle_leaves_its_job_to_another(
    cluster: Cluster, cloudinary: StandIn, bearer: dict[str, str]
) -> None:
    machine = cluster.machines[0]
    *others, busy = machine.workers
    for worker in others:
        worker.send_signal(signal.SIGSTOP)
    cloudinary.slow_seconds = 120
    cloudinary.fail("upload", Fault.SLOW)
    video = uploaded(upload(cluster.machines[1].api, bearer))

    def arrived() -> set[str]:
        return {name for name in cloudinary.stored() if key_of(video) in name}

    assert eventually(lambda: len(arrived()) == 1, 30)
    process.kill(busy)
    cloudinary.slow_seconds = 0
    for worker in others:
        worker.send_signal(signal.SIGCONT)
    assert not is_on(cloudinary, cluster, video)
    machine.manage("shell", "-c", TAKE_UP)

    assert eventually(lambda: is_on(cloudinary, cluster, video), 60)
    assert arrived() == {f"video p/{key_of(video)}/video", f"image p/{key_of(video)}/poster"}
    # The second worker found what the first had sent.
    assert sent(cloudinary, key_of(video)) == ["image", "video"]
    twice = [(video["id"], "push-main", "succeeded", 2)]
    assert eventually(lambda: cluster.ask(PUSHES, [video["id"]]) == twice, 10)
    machine.workers.remove(busy)
    machine.start_worker()


def test_each_tick_of_the_clock_gives_each_periodic_job_once(cluster: Cluster) -> None:
    # Every worker has a scheduler; in the log of jobs a tick of all of them is one job.
    jobs = (
        "SELECT task_name, (args->>'timestamp')::bigint, count(*) FROM procrastinate_jobs"
        " WHERE (args->>'timestamp')::bigint > %s GROUP BY 1, 2"
    )
    now = cluster.count("SELECT extract(epoch FROM now())::bigint")
    every_minute = {
        "videos.tasks.fold_views",
        "videos.tasks.follow_standing",
        "viztube.ops.tasks.reap_stalled_jobs",
    }

    def ticked() -> bool:
        return every_minute <= {name for name, _, _ in cluster.ask(jobs, now)}

    assert eventually(ticked, 75)
    # So that the last of the schedulers has tried, too.
    time.sleep(5)
    assert {number for _, _, number in cluster.ask(jobs, now)} == {1}
    started = (
        "SELECT count(*) FROM procrastinate_events e JOIN procrastinate_jobs j ON j.id = e.job_id"
        " WHERE e.type = 'started' AND (j.args->>'timestamp')::bigint > %s"
        " GROUP BY j.id HAVING count(*) <> 1"
    )
    assert cluster.ask(started, now) == []


def test_each_machine_sweeps_its_own_disk() -> None:
    with temporary_data_dir() as folder, running_cluster(folder, ["a", "b"], workers=0) as cluster:
        for machine in cluster.machines:
            incoming = Path(machine.environ["MEDIA_ROOT"], "incoming")
            incoming.mkdir(exist_ok=True)
            for name, age in (("stale", 3), ("young", 0)):
                (incoming / name).touch()
                os.utime(incoming / name, (time.time() - age * 86400,) * 2)
            machine.manage("shell", "-c", SWEEP)
        # The second had to be taken while the first was waiting.
        queues = "SELECT queue_name FROM procrastinate_jobs ORDER BY 1"
        assert cluster.ask(queues) == [("disk-a",), ("disk-b",)]
        for machine in cluster.machines:
            machine.start_worker()

        def left() -> list[list[str]]:
            return [[path.name for path in machine.files()] for machine in cluster.machines]

        assert eventually(lambda: left() == [["young"], ["young"]], 30), left()


def test_jobs_of_a_disk_wait_for_the_machine_that_has_it(cloudinary: StandIn) -> None:
    with (
        temporary_data_dir() as folder,
        running_cluster(
            folder, ["a", "b"], workers=1, CLOUDINARY_URL=cloudinary.cloudinary_url
        ) as cluster,
    ):
        a, b = cluster.machines
        bearer = {"Authorization": f"Bearer {cluster.sign_up('cleo')['accessToken']}"}
        process.kill(a.workers[0])
        on_a, on_b = (uploaded(upload(machine.api, bearer)) for machine in cluster.machines)

        # What is of b is done by b, which had the time to take what waits for a.
        assert eventually(lambda: is_on(cloudinary, cluster, on_b), 30)
        assert eventually(lambda: b.files() == [], 10)
        done = [(on_b["id"], "push-b", "succeeded", 1)]
        assert eventually(lambda: cluster.ask(PUSHES, [on_b["id"]]) == done, 10)
        assert cluster.ask(PUSHES, [on_a["id"]]) == [(on_a["id"], "push-a", "todo", 0)]
        assert len(a.files()) == 2
        assert sent(cloudinary, key_of(on_a)) == []

        a.start_worker()
        assert eventually(lambda: is_on(cloudinary, cluster, on_a), 30)
        assert eventually(lambda: a.files() == [], 10)
        assert sent(cloudinary, key_of(on_a)) == ["image", "video"]
        # Either answers for both.
        for machine in cluster.machines:
            for video in (on_a, on_b):
                page = httpx.get(f"{machine.api}/videos/{video['id']}").json()["data"]
                assert page["videoFileUrl"].startswith(cloudinary.url)
