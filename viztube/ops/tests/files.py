"""Files and folders as tests need them."""

import contextlib
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from viztube.ops.embedded import identity


def mode(path: Path) -> int:
    """Return the permission bits of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def temporary_data_dir() -> Iterator[Path]:
    # Not pytest's folder: where root lacks namespaces another account must pass through.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(identity.data_folder_mode())
        yield folder
