"""Ctrl-C and SIGTERM while a search runs, with signals that this process sends itself."""

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from tuning.interruption import STOPPING, heard


def _wait_for(said: list[str]) -> None:
    for _ in range(200):
        if said:
            return
        time.sleep(0.01)


@pytest.fixture
def caught() -> Iterator[list[int]]:
    """Signals that arrived at a handler of SIGINT such as Tune's."""
    arrived: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: arrived.append(number))
    yield arrived
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_handler_and_is_answered_once(number: int, caught: list[int]) -> None:
    """Both end as Ctrl-C does; a second one says nothing new."""
    said: list[str] = []
    with heard(said.append):
        signal.raise_signal(number)
        _wait_for(said)
        signal.raise_signal(number)
    assert caught == [signal.SIGINT, signal.SIGINT]
    assert said == [STOPPING]


def test_other_signals_are_not_answered(caught: list[int]) -> None:
    """A terminal that changes its size interrupts nothing."""
    said: list[str] = []
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    with heard(said.append):
        signal.raise_signal(signal.SIGWINCH)
    signal.signal(signal.SIGWINCH, before)
    assert said == []
    assert caught == []


def test_everything_is_as_before_afterwards() -> None:
    """The handler of SIGTERM and the wake-up descriptor belong to whoever had them."""
    before = signal.getsignal(signal.SIGTERM)
    with heard(lambda text: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_another_thread_gets_no_signals_and_needs_none() -> None:
    """A search started from a thread runs as it would without this."""
    ran: list[bool] = []

    def search() -> None:
        with heard(lambda text: None):
            ran.append(True)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert ran == [True]
