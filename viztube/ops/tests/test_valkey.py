"""The embedded Valkey, run for real."""

import socket
from pathlib import Path

import pytest
import redis

from viztube.ops.embedded import EmbeddedError, Valkey, server
from viztube.ops.tests.files import mode
from viztube.ops.tests.processes import is_alive, pid_of


def test_answers_at_the_address_it_returns_and_stops(data_dir: Path) -> None:
    valkey = Valkey(data_dir)
    address = valkey.start()
    try:
        client = redis.Redis.from_url(address)
        settings = client.config_get("maxmemory", "maxmemory-policy", "save", "bind")
        assert settings == {
            "maxmemory": str(48 * 1024**2),
            "maxmemory-policy": "volatile-ttl",
            "save": "",
            "bind": "127.0.0.1",
        }
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(address.replace("redis://:", "redis://:x")).ping()
        assert mode(valkey.log) == 0o600
        assert not valkey.has_ended()
        pid = pid_of(valkey)
    finally:
        valkey.stop()
    assert not is_alive(pid)


def test_tries_another_port_when_one_is_taken_at_the_last_moment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as rival:
        rival.bind(("127.0.0.1", 0))
        rival.listen()
        taken = rival.getsockname()[1]
        ports = iter([taken, server.free_port()])
        monkeypatch.setattr(server, "free_port", lambda: next(ports))
        valkey = Valkey(data_dir)
        try:
            assert f":{taken}/" not in valkey.start()
        finally:
            valkey.stop()


def test_gives_up_when_every_port_is_taken(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as rival:
        # Bound but not listening: nobody can connect, nobody else can bind.
        rival.bind(("127.0.0.1", 0))
        monkeypatch.setattr(server, "free_port", lambda: rival.getsockname()[1])
        monkeypatch.setattr(server, "ATTEMPTS", 2)
        with pytest.raises(EmbeddedError, match=r"(?s)ended while.*Address already in use"):
            Valkey(data_dir).start()


def test_an_unusable_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "valkey").write_text("")
    with pytest.raises(EmbeddedError, match="cannot be used"):
        Valkey(tmp_path).start()


def test_an_abandoned_start_leaves_nothing_running(tmp_path: Path) -> None:
    def give_up() -> None:
        raise KeyError

    valkey = Valkey(tmp_path)
    with pytest.raises(KeyError):
        valkey.start(give_up)
    assert valkey.child is None
