"""Progress for whoever looks: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from viztube.ops.backups.media import Advance


@contextmanager
def progress() -> Iterator[Advance]:
    """Yield what to call with the name of what is being done, and how many of it were."""
    with tqdm(unit="", file=sys.stderr, disable=None, leave=False) as bar:

        def advance(what: str, number: int) -> None:
            bar.set_description(what, refresh=False)
            bar.update(number)

        yield advance
