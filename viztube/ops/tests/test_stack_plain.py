"""On one's own machine nginx serves plain http: no gate, and nothing that binds browsers to TLS."""

import httpx
import pytest

from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.processes import linux_only
from viztube.ops.tests.stack import nginx_environ, production_environ, running_nginx

pytestmark = [pytest.mark.slow, linux_only]


def test_the_plain_site_has_no_gate_and_no_hsts() -> None:
    with temporary_data_dir() as folder:
        folder.chmod(0o711)
        environ = production_environ(folder, 1) | {"PUBLIC_URL": "http://localhost:8080"}
        told = nginx_environ(folder, environ, "127.0.0.1:1")
        file = folder / "media" / "p" / ("a" * 32) / "video.mp4"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"video")
        with running_nginx(folder, told):
            answer = httpx.get(f"http://127.0.0.1:{told['HTTP_PORT']}/media/p/{'a' * 32}/video.mp4")

    assert (answer.status_code, answer.content) == (200, b"video")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Strict-Transport-Security" not in answer.headers
