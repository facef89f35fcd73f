"""Fixtures of the tests of videos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from users.models import User
from users.tests.factories import UserFactory
from videos.models import Video
from videos.services.streams import StreamNotReady
from videos.tests.clips import make_clip
from videos.tests.jobs import waiting_jobs
from viztube.api.tests.fixtures import Client
from viztube.media.tests.fixtures import named_file


@pytest.fixture(scope="session")
def tiny_clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the content of the smallest video that passes every check."""
    return make_clip(Path(tmp_path_factory.mktemp("clips")) / "tiny.mp4").read_bytes()


@pytest.fixture
def tiny_clip(tiny_clip_bytes: bytes) -> Any:
    """Return that video as an open file."""
    return named_file(tiny_clip_bytes, "tiny.mp4")


@pytest.fixture
def stranger_client(client_for: Callable[[User], Client]) -> Client:
    """Return a client of somebody who owns nothing."""
    return client_for(UserFactory.create())


@pytest.fixture
def staff_client(client_for: Callable[[User], Client]) -> Client:
    """Return a client of a member of staff."""
    return client_for(UserFactory.create(is_staff=True))


@pytest.fixture
def assert_nothing_stays(
    db: None, stored_files: Callable[[], set[str]], media_root: Path
) -> Callable[[], None]:
    """Return a check that an upload left neither row nor job nor file."""

    def check() -> None:
        assert not Video.objects.exists()
        assert waiting_jobs() == []
        assert stored_files() == set()
        assert list((media_root / "incoming").iterdir()) == []

    return check


@pytest.fixture
def finish_jobs(
    request: pytest.FixtureRequest, run_jobs: Callable[[], list[str]]
) -> Callable[[], None]:
    """Return a way to run jobs until none waits, Cloudinary's own work on streams included."""

    def finish() -> None:
        while True:
            try:
                run_jobs()
            except StreamNotReady:
                assert request.getfixturevalue("standin").finish_streams(notify=False)
            else:
                return

    return finish


@pytest.fixture
def everything_stored(
    request: pytest.FixtureRequest, stored_files: Callable[[], set[str]]
) -> Callable[[], set[str]]:
    """Return a way to list the files of this disk and of Cloudinary, where that is in use."""

    def listing() -> set[str]:
        elsewhere = settings.CLOUDINARY_ACCOUNT is not None
        return stored_files() | (
            request.getfixturevalue("standin").stored() if elsewhere else set()
        )

    return listing
