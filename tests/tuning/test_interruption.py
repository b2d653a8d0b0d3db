"""Ctrl-C and SIGTERM while a search runs, with signals that this process sends itself."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from tuning import interruption
from tuning.interruption import EXIT_CODE, STOPPED, STOPPING, graceful_interrupts, immediate_interrupts


def _wait_for(said: Sequence[object]) -> None:
    for _ in range(200):
        if said:
            return
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    """Ctrl-C as in a terminal: tests may run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def as_tune(caught: list[int]) -> None:
    """Take Ctrl-C over, as Ray Tune does."""
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit codes with which this process would have ended, and its children with it."""
    codes: list[int] = []
    monkeypatch.setattr(interruption, "_kill_children", lambda: None)
    monkeypatch.setattr(interruption.os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_answered_and_the_second_ends_all(number: int, left: list[int]) -> None:
    """Whichever of the two signals it is: the handler of Ctrl-C is called, and the terminal is given back."""
    said: list[str] = []
    caught: list[int] = []
    saved: list[bool] = []
    with graceful_interrupts(said.append, lambda: said.append("terminal"), lambda: saved.append(True)):
        as_tune(caught)
        signal.raise_signal(number)
        _wait_for(said)
        _wait_for(saved)
        assert (caught, said, left) == ([signal.SIGINT], [STOPPING], [])
        signal.raise_signal(number)
        _wait_for(left)
    assert said == [STOPPING, "terminal"]
    assert left == [EXIT_CODE]
    assert saved == [True]  # once


@pytest.mark.parametrize("say", [lambda text: [][0], lambda text: time.sleep(5)], ids=["gone", "stuck"])
def test_a_terminal_that_is_gone_keeps_nobody(left: list[int], say: Callable[[str], None]) -> None:
    """Neither telling nor giving it back."""
    with graceful_interrupts(say, lambda: [][0], lambda: [][0]):
        as_tune([])
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        _wait_for(left)
    assert left == [EXIT_CODE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_once_is_at_once(number: int, left: list[int], capfd: pytest.CaptureFixture[str]) -> None:
    """With a word; whoever had the signals has them afterwards."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with immediate_interrupts():
        signal.raise_signal(number)
    assert left == [EXIT_CODE]
    assert capfd.readouterr().err == STOPPED
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_handler_that_others_leave_behind_is_taken_away() -> None:
    """As Ray Tune does."""
    before = signal.getsignal(signal.SIGINT)
    with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        as_tune([])
    assert signal.getsignal(signal.SIGINT) is before


def test_before_tune_listens_ctrl_c_is_an_exception() -> None:
    """Which closes what was opened."""
    with pytest.raises(KeyboardInterrupt), graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        signal.raise_signal(signal.SIGINT)


def test_what_was_told_to_be_ignored_is(left: list[int]) -> None:
    """As a process in the background of a shell without job control is told about Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with immediate_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) == signal.SIG_IGN
    assert left == []


def test_sigterm_ends_who_was_told_to_ignore_ctrl_c() -> None:
    """As a process in the background of a shell without job control is."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), graceful_interrupts(lambda text: None, lambda: None, lambda: None):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_are_not_answered() -> None:
    """A terminal that changes its size interrupts nothing."""
    said: list[str] = []
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    with graceful_interrupts(said.append, lambda: None, lambda: None):
        signal.raise_signal(signal.SIGWINCH)
    signal.signal(signal.SIGWINCH, before)
    assert said == []


def test_everything_is_as_before_afterwards() -> None:
    """The handler of SIGTERM and the wake-up descriptor belong to whoever had them."""
    before = signal.getsignal(signal.SIGTERM)
    with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_another_thread_gets_no_signals_and_needs_none() -> None:
    """A search started from a thread runs as it would without this."""
    ran: list[bool] = []

    def search() -> None:
        with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
            ran.append(True)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert ran == [True]
