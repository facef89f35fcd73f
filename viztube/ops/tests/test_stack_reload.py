"""nginx is led elsewhere while clients keep their connections."""

import http.client
from pathlib import Path

import pytest

from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.machines import Machine
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.stack import Stack, nginx_environ, production_environ, running_nginx
from viztube.ops.tests.waiting import eventually

pytestmark = [pytest.mark.slow, linux_only]


def workers_that_end(master: int) -> int:
    """Count the workers of an nginx that only finish what they have begun."""
    lines = (
        path.read_bytes()
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if f"\nPPid:\t{master}\n" in (path.parent / "status").read_text()
    )
    return sum(b"is shutting down" in line for line in lines)


def test_a_connection_used_just_now_is_not_closed_under_the_next_request() -> None:
    with temporary_data_dir() as folder:
        folder.chmod(0o711)
        environ = production_environ(folder, 1) | {"PUBLIC_URL": "http://localhost:8080"}
        told = nginx_environ(folder, environ, "127.0.0.1:1")
        with running_nginx(folder, told) as nginx:
            stack = Stack(Machine(environ, folder, ""), folder, told, nginx)
            kept = http.client.HTTPConnection("127.0.0.1", int(told["HTTP_PORT"]), timeout=10)
            kept.request("GET", "/media/none")
            kept.getresponse().read()

            assert stack.script("./switch.sh 127.0.0.1:2").returncode == 0
            assert eventually(lambda: workers_that_end(nginx.pid) > 0)
            kept.request("POST", "/media/none")
            last = kept.getresponse()

            assert (last.status, last.getheader("Connection")) == (404, "close")
            kept.close()
            assert eventually(lambda: workers_that_end(nginx.pid) == 0)
