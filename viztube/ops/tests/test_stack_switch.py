"""switch.sh leads nginx to another api, and nothing that happens meanwhile leaves it without."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from viztube.ops.embedded import process
from viztube.ops.embedded.process import Child
from viztube.ops.tests.edge import (
    VISITORS,
    Application,
    Asked,
    running_application,
    running_edge,
    write_program,
)
from viztube.ops.tests.stack import NGINX, Stack, needs_nginx, running_nginx
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, needs_nginx]


class Slow:
    """An answer that comes when it is let go."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        """Answer a request for /slow once it may end, and others at once."""
        if asked.target == "/slow":
            self.has_begun.set()
            assert self.may_end.wait(30)
        return 200, {}, b"old"


@pytest.fixture
def old() -> Iterator[Application]:
    with running_application() as application:
        application.answer = lambda _: (200, {}, b"old")
        yield application


@pytest.fixture
def new() -> Iterator[Application]:
    with running_application() as application:
        application.answer = lambda _: (200, {}, b"new")
        yield application


@pytest.fixture
def stack(old: Application, tmp_path: Path) -> Iterator[Stack]:
    """Return nginx in front of the old api; its scripts do not wait as long as they think."""
    write_program(tmp_path / "sleep", f"exec {shutil.which('sleep')} 0.3")
    with running_edge(old.address) as stack:
        stack.environ["PATH"] = f"{tmp_path}:{stack.environ['PATH']}"
        yield stack


def served_by(stack: Stack) -> set[str]:
    """Return which api answers, asked on several new connections."""
    return {stack.client(next(VISITORS)).get("/api/v2/videos").text for _ in range(5)}


def start(stack: Stack, script: str, argument: str) -> Child:
    return process.start(["sh", str(NGINX / script), argument], env=stack.environ)


def test_new_requests_go_to_the_new_api_and_those_under_way_end_at_the_old(
    stack: Stack, old: Application, new: Application
) -> None:
    old.answer = slow = Slow()
    answers: list[str] = []
    client = stack.client(next(VISITORS))
    thread = threading.Thread(target=lambda: answers.append(client.get("/slow").text))
    thread.start()
    assert slow.has_begun.wait(10)

    switched = stack.script(f"./switch.sh {new.address}")

    assert switched.returncode == 0, switched.stderr
    assert served_by(stack) == {"new"}
    assert stack.script("./drained.sh 2").returncode == 1
    waiting = start(stack, "drained.sh", "300")
    assert process.wait(waiting, 1) is None
    slow.may_end.set()
    assert process.wait(waiting, 10) == 0
    thread.join()
    assert answers == ["old"]


def test_there_is_nothing_to_drain_before_the_first_switch(stack: Stack) -> None:
    done = stack.script("./drained.sh 0")

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_drains_since_the_switch_before_is_waited_for(
    stack: Stack, old: Application, new: Application
) -> None:
    old.answer = slow = Slow()
    client = stack.client(next(VISITORS))
    thread = threading.Thread(target=lambda: client.get("/slow"))
    thread.start()
    assert slow.has_begun.wait(10)

    for api in (new, old, new):
        assert stack.script(f"./switch.sh {api.address}").returncode == 0

    assert served_by(stack) == {"new"}
    assert stack.script("./drained.sh 2").returncode == 1
    slow.may_end.set()
    thread.join()
    assert stack.script("./drained.sh 50").returncode == 0


@pytest.mark.parametrize("to", ["", "nonsense:x", "127.0.0.1:99999", "127.0.0.1:80;}", "300.1.1.1"])
def test_nonsense_is_refused_and_nginx_goes_on(stack: Stack, to: str) -> None:
    before = configuration(stack)

    done = stack.script(f"./switch.sh '{to}'")

    assert done.returncode != 0
    assert "goes on as before" in done.stderr or "say where to" in done.stderr
    assert configuration(stack) == before
    assert served_by(stack) == {"old"}
    assert stack.script("./drained.sh 0").returncode == 0


def configuration(stack: Stack) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(stack.environ["RUN"]).glob("*.conf*")}


def test_a_reload_that_comes_to_nothing_is_a_failure(
    stack: Stack, new: Application, tmp_path: Path
) -> None:
    """nginx only takes a signal: what it makes of it is not in the exit status."""
    program = stack.environ["NGINX_PROGRAM"]
    deaf = write_program(
        tmp_path / "deaf", f'case "$*" in *reload*) ;; *) exec {program} "$@" ;; esac'
    )

    done = stack.script(f"NGINX_PROGRAM={deaf} ./switch.sh {new.address}")

    assert (done.returncode, served_by(stack)) == (1, {"old"})


@pytest.mark.parametrize(("moment", "api"), [("-t", "old"), ("-s", "new")])
def test_after_a_kill_in_the_middle_nginx_starts_again(
    stack: Stack, new: Application, tmp_path: Path, moment: str, api: str
) -> None:
    """The program of nginx kills who calls it, and everyone with them."""
    program = stack.environ["NGINX_PROGRAM"]
    killer = write_program(
        tmp_path / "k", f'case "$*" in *{moment}*) kill -9 0;; esac; {program} "$@"'
    )
    stack.environ["NGINX_PROGRAM"] = str(killer)

    assert process.wait(start(stack, "switch.sh", new.address), 10) == -9

    assert served_by(stack) == {"old"}
    stack.environ["NGINX_PROGRAM"] = program
    process.kill(stack.nginx)
    with running_nginx(stack.folder, stack.environ):
        assert served_by(stack) == {api}


def test_nginx_that_starts_again_leads_to_the_new_api(stack: Stack, new: Application) -> None:
    assert stack.script(f"./switch.sh {new.address}").returncode == 0
    process.kill(stack.nginx)

    with running_nginx(stack.folder, stack.environ):
        assert served_by(stack) == {"new"}


def test_of_switches_at_once_one_counts(stack: Stack, old: Application, new: Application) -> None:
    for _ in range(3):
        switches = [start(stack, "switch.sh", api.address) for api in (old, new, old, new)]

        assert [process.wait(switch, 30) for switch in switches] == [0, 0, 0, 0]

        upstream = configuration(stack)["upstream.conf"]
        assert served_by(stack) == {"new" if new.address in upstream else "old"}
        assert stack.script("./drained.sh 50").returncode == 0
    assert not list(Path(stack.environ["RUN"]).glob("trial*"))


def test_a_switch_while_something_else_is_taken_up_counts(
    stack: Stack, new: Application, tmp_path: Path
) -> None:
    """A certificate is renewed; between its trial and its use nginx is led to the new api."""
    program = stack.environ["NGINX_PROGRAM"]
    switch = f"NGINX_PROGRAM={program} ./switch.sh {new.address}"
    between = write_program(
        tmp_path / "b", f'case "$*" in *-t*) {switch};; esac; exec {program} "$@"'
    )

    done = stack.script(f". ./configure.sh; NGINX_PROGRAM={between}; take_up ''")

    assert done.returncode == 0, done.stderr
    assert served_by(stack) == {"new"}


def test_a_connection_used_just_now_is_not_closed_under_the_next_request(
    stack: Stack, new: Application
) -> None:
    kept = stack.client(next(VISITORS))
    kept.get("/api/v2/videos")

    assert stack.script(f"./switch.sh {new.address}").returncode == 0
    last = kept.post("/api/v2/playlist")

    assert (last.text, last.headers["Connection"]) == ("old", "close")
    assert stack.script("./drained.sh 10").returncode == 0
    assert kept.post("/api/v2/playlist").text == "new"


def test_no_request_is_lost_while_nginx_is_led_to_and_fro(
    stack: Stack, old: Application, new: Application
) -> None:
    is_over = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        client = stack.client(next(VISITORS))
        while not is_over.is_set():
            answer = client.post("/api/v2/playlist", headers={"Connection": "close"})
            statuses.append(answer.status_code)

    def led(requests: int) -> bool:
        begun = len(statuses)
        return eventually(lambda: len(statuses) > begun + requests)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for api in (new, old, new):
            assert stack.script(f"./switch.sh {api.address}").returncode == 0
            assert led(10)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert set(statuses) == {200}
