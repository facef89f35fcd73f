"""Signals that ask development to stop."""

import signal

import pytest

from viztube.ops.dev.signals import StopRequested, StopSignals


def test_signals_are_noted_and_handlers_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]
    with StopSignals() as stop:
        stop.check()
        signal.raise_signal(signal.SIGINT)
        assert not stop.is_urgent()
        with pytest.raises(StopRequested):
            stop.check()
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_urgent()
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            signal.raise_signal(signal.SIGHUP)
            stop.check()
    finally:
        signal.signal(signal.SIGHUP, before)
