"""Fixtures of the tests of the embedded servers and the development service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from viztube.ops.tests.files import temporary_data_dir
from viztube.ops.tests.site import Environ, site_environ


@pytest.fixture
def environ(tmp_path_factory: pytest.TempPathFactory) -> Environ:
    """Return the environment of a service: a data folder that is not there yet, a free port."""
    return site_environ(tmp_path_factory.mktemp("home"))


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a data folder that servers may use."""
    with temporary_data_dir() as folder:
        yield folder
