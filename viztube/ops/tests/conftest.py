"""Fixtures of the tests of the embedded servers and the development service."""

from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from viztube.ops.tests.backing_up import (
    POSTER,
    VIDEO,
    Made,
    OwnDatabase,
    back_up,
    own_database_on,
    put,
)
from viztube.ops.tests.edge import Application, plainly, running_application, running_edge
from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.measuring import unmeasured
from viztube.ops.tests.site import Environ, site_environ
from viztube.ops.tests.stack import Stack

if TYPE_CHECKING:
    from viztube.ops.tests.outages import Service
    from viztube.ops.tests.stage import Stage


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Measure no coverage while requests are made up: the tools' own code is most of it."""
    with unmeasured() if type(collector).__name__ == "SchemathesisCase" else nullcontext():
        return (yield)


@pytest.fixture
def environ(tmp_path_factory: pytest.TempPathFactory) -> Environ:
    """Return the environment of a service: a data folder that is not there yet, a free port."""
    return site_environ(tmp_path_factory.mktemp("home"))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a data folder that servers may use."""
    with temporary_data_dir() as folder:
        yield folder


@pytest.fixture
def stages(db: None) -> Iterator[list["Stage"]]:
    """Return each caller with what there is, for many requests in one transaction."""
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections

    from viztube.ops.tests.stage import CALLERS, Stage

    signals = (request_started, request_finished)
    # As Django's own test client does: the transaction of the test is on this connection.
    for signal in signals:
        signal.disconnect(close_old_connections)
    stages = [Stage(caller) for caller in CALLERS]
    # What only made-up requests reach would not be tested anyway.
    with unmeasured():
        yield stages
    for signal in signals:
        signal.connect(close_old_connections)
    for stage in stages:
        stage.check()


@pytest.fixture
def own_database(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[OwnDatabase]:
    """Return a database of the test's own, which is VizTube's as far as backups know."""
    with own_database_on(monkeypatch, settings) as database:
        yield database


@pytest.fixture
def made(own_database: OwnDatabase, media_root: Path, tmp_path: Path) -> Made:
    """Return a backup of a small database and two files."""
    own_database.fill()
    put(media_root, VIDEO)
    put(media_root, POSTER, b"poster")
    return back_up(tmp_path / "backups")


@pytest.fixture(scope="module")
def _application() -> Iterator[Application]:
    with running_application() as application:
        yield application


@pytest.fixture(scope="module")
def edge(_application: Application) -> Iterator[Stack]:
    """Return nginx as it ships, in front of the application that stands in."""
    with running_edge(_application.address) as stack:
        yield stack


@pytest.fixture
def application(_application: Application) -> Application:
    """Return the application behind ``edge``, which answers plainly until told otherwise."""
    _application.answer = plainly
    return _application


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Service"]:
    """Run the shape of production whose servers a test may kill and freeze."""
    from viztube.ops.tests.outages import running_service

    folder = tmp_path_factory.mktemp("service")
    folder.chmod(0o711)
    with running_service(folder) as running:
        yield running
