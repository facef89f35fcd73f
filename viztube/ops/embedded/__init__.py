"""PostgreSQL and Valkey from Python wheels, run as child processes for development and tests.

Nothing here is used in production, and nothing here imports Django: starting must be quick.
"""

from viztube.ops.embedded.postgres import Postgres
from viztube.ops.embedded.process import EmbeddedError
from viztube.ops.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Postgres", "Valkey"]
