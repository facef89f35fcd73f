"""Counting the queries of a request."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.test.utils import CaptureQueriesContext

# What frames a transaction costs no plan and no row.
FRAMES = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@contextmanager
def captured_queries() -> Iterator[list[str]]:
    """Yield a list that holds the statements of the block, once it has ended."""
    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [query["sql"] for query in captured if not str(query["sql"]).startswith(FRAMES)]
