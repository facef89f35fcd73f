"""Fixtures of the dashboard's tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from django.db import connection

from dashboard.tests.importing import Lines, Run, import_v2, lines_of
from dashboard.tests.old_dirt import add_dirt
from dashboard.tests.old_service import SCHEMA, OldService, fill, new_database
from dashboard.tests.twins import World
from users.models import User
from viztube.api.tests.fixtures import Client


@pytest.fixture(scope="session")
def old_services(django_db_setup: None) -> Iterator[Callable[[int], OldService]]:
    """Return a way to get an old service of a size, with dirt in it, that nobody changes."""
    made: dict[int, OldService] = {}
    with ExitStack() as databases:

        def get(scale: int) -> OldService:
            if scale not in made:
                name = f"{connection.settings_dict['NAME']}_old_{scale}"
                made[scale] = databases.enter_context(new_database(name))
                with made[scale].at_once():
                    made[scale].execute(SCHEMA)
                    fill(made[scale], scale=scale)
                    add_dirt(made[scale])
            return made[scale]

        yield get


@pytest.fixture(scope="session")
def small_old_service(old_services: Callable[[int], OldService]) -> OldService:
    """Return an old service with 100 clean rows and every kind of dirt, to be read only."""
    return old_services(1)


@pytest.fixture(scope="session")
def large_old_service(old_services: Callable[[int], OldService]) -> OldService:
    """Return an old service with 10,000 clean rows and every kind of dirt, to be read only."""
    return old_services(100)


@pytest.fixture
def world(client_for: Callable[[User], Client]) -> World:
    """Return a channel with videos, and people around it."""
    return World(client_for)


_numbers = count()


@pytest.fixture
def old_service(small_old_service: OldService) -> Iterator[OldService]:
    """Return a small old service of the test's own."""
    name = f"{small_old_service.name}_{next(_numbers)}"
    with new_database(name, template=small_old_service.name) as service:
        yield service


@pytest.fixture
def run_import(tmp_path: Path) -> Run:
    """Return a way to import; it returns the numbers that are printed for each table."""
    return partial(import_v2, report=tmp_path / "report.jsonl")


@pytest.fixture
def report(tmp_path: Path) -> Lines:
    """Return a way to read the report."""
    return partial(lines_of, tmp_path / "report.jsonl")
