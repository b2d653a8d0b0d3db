"""Ctrl-C and SIGTERM while a search runs, with signals that this process sends itself."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tuning import interruption
from tuning.interruption import EXIT_CODE, STOPPING, heard, own_handler


def _wait_for(said: Sequence[object]) -> None:
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


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which this process would have ended, and its children with it."""
    codes: list[int] = []
    monkeypatch.setattr(interruption, "_end_children", lambda: None)
    monkeypatch.setattr(interruption.os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_answered_and_the_second_ends_all(number: int, caught: list[int], left: list[int]) -> None:
    """Whichever of the two signals it is: the handler of Ctrl-C is called, and the terminal is given back."""
    said: list[str] = []
    with heard(said.append, lambda: said.append("terminal")):
        signal.raise_signal(number)
        _wait_for(said)
        assert (caught, said, left) == ([signal.SIGINT], [STOPPING], [])
        signal.raise_signal(number)
        _wait_for(left)
    assert said == [STOPPING, "terminal"]
    assert left == [EXIT_CODE]


@pytest.mark.parametrize("say", [lambda text: [][0], lambda text: time.sleep(5)], ids=["gone", "stuck"])
def test_a_terminal_that_is_gone_keeps_nobody(caught: list[int], left: list[int], say: Callable[[str], None]) -> None:
    """Neither telling nor giving it back."""
    with heard(say, lambda: [][0]):
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        _wait_for(left)
    assert left == [EXIT_CODE]


def test_a_handler_that_others_leave_behind_is_taken_away(caught: list[int]) -> None:
    """As Ray Tune does."""
    before = signal.getsignal(signal.SIGINT)
    with own_handler():
        signal.signal(signal.SIGINT, lambda *_: None)
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_ends_who_was_told_to_ignore_ctrl_c() -> None:
    """As a process in the background of a shell without job control is."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), heard(lambda text: None, lambda: None):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_are_not_answered(caught: list[int]) -> None:
    """A terminal that changes its size interrupts nothing."""
    said: list[str] = []
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    with heard(said.append, lambda: None):
        signal.raise_signal(signal.SIGWINCH)
    signal.signal(signal.SIGWINCH, before)
    assert said == []
    assert caught == []


def test_everything_is_as_before_afterwards() -> None:
    """The handler of SIGTERM and the wake-up descriptor belong to whoever had them."""
    before = signal.getsignal(signal.SIGTERM)
    with heard(lambda text: None, lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_another_thread_gets_no_signals_and_needs_none() -> None:
    """A search started from a thread runs as it would without this."""
    ran: list[bool] = []

    def search() -> None:
        with heard(lambda text: None, lambda: None):
            ran.append(True)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert ran == [True]
