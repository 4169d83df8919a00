"""Ending when asked to: from the keyboard (SIGINT), or by a container or scheduler (SIGTERM)."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_told: list[type[KeyboardInterrupt]] = []
_waiting: list[None] = []


class Terminated(KeyboardInterrupt):
    """The program was told to end with SIGTERM."""


@contextmanager
def handle_signals() -> Iterator[None]:
    """Take SIGTERM like an interrupt from the keyboard, also as process 1 of a container."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _told.clear()
    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, _terminate)}
    # a program in the background may have been told to ignore it
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Block SIGINT and SIGTERM while a process is forked, which would lose what they raise."""
    _waiting.append(None)
    try:
        yield
    finally:
        _waiting.pop()
    if _told:
        raise _told[0]


def _terminate(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough
    _tell(Terminated)


def _interrupt(*_: object) -> None:
    _tell(KeyboardInterrupt)


def _tell(kind: type[KeyboardInterrupt]) -> None:
    _told.append(kind)
    if not _waiting:
        raise kind
