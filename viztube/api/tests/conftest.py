"""Rows to list."""

from typing import Any

import pytest
from django.db.models.functions import Lower

from viztube.api.tests.notes import Note, make_notes, make_table


@pytest.fixture
def notes(db: None) -> Any:
    """Return 23 rows with many ties, in a table that is gone after the test."""
    make_table()
    make_notes(23)
    return Note._default_manager.annotate(sort=Lower("title"))
