"""Requests to end become exceptions, once, and not while a process is forked."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from fcnm_bids.execution.signals import Terminated, defer_signals, handle_signals


@pytest.fixture(autouse=True)
def foreground() -> Iterator[None]:
    """Python's own handler: a shell has programs in the background ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def handlers() -> list[object]:
    return [signal.getsignal(which) for which in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize(
    ("which", "kind"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_ends_what_runs_and_handlers_come_back(
    which: signal.Signals, kind: type[KeyboardInterrupt]
) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt) as caught, handle_signals():
        os.kill(os.getpid(), which)
    assert caught.type is kind
    assert handlers() == before


def test_a_second_sigterm_does_not_disturb_the_end() -> None:
    def twice() -> None:
        with handle_signals():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Terminated):
        twice()


def test_a_signal_waits_until_the_fork_is_over() -> None:
    forked = []

    def fork() -> None:
        with handle_signals(), defer_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            forked.append(1)

    with pytest.raises(Terminated):
        fork()
    assert forked == [1]
    with handle_signals(), defer_signals():  # the last one's request is forgotten
        forked.append(2)
    assert forked == [1, 2]


def test_an_ignored_interrupt_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with handle_signals():
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_other_threads_take_no_signals() -> None:
    seen: list[list[object]] = []

    def work() -> None:
        with handle_signals():
            seen.append(handlers())

    before = handlers()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
