"""Ctrl-C and SIGTERM while a search runs; this process sends itself the signals."""

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
    """Handles Ctrl-C as in a terminal: a shell ignores it for processes in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def as_tune(caught: list[int]) -> None:
    """Installs a handler for Ctrl-C, as Ray Tune does."""
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))


@pytest.fixture
def exit_codes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Records the exit codes with which this process would end."""
    codes: list[int] = []
    monkeypatch.setattr(interruption, "_kill_children", lambda: None)
    monkeypatch.setattr(interruption.os, "_exit", codes.append)
    return codes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_and_the_second_exits(number: int, exit_codes: list[int]) -> None:
    """For both signals: the handler of Ctrl-C is called, and the terminal is released."""
    said: list[str] = []
    caught: list[int] = []
    saved: list[bool] = []
    with graceful_interrupts(said.append, lambda: said.append("terminal"), lambda: saved.append(True)):
        as_tune(caught)
        signal.raise_signal(number)
        _wait_for(said)
        _wait_for(saved)
        assert (caught, said, exit_codes) == ([signal.SIGINT], [STOPPING], [])
        signal.raise_signal(number)
        _wait_for(exit_codes)
    assert said == [STOPPING, "terminal"]
    assert exit_codes == [EXIT_CODE]
    assert saved == [True]  # once


@pytest.mark.parametrize("say", [lambda text: [][0], lambda text: time.sleep(5)], ids=["gone", "stuck"])
def test_a_lost_terminal_does_not_delay_the_exit(exit_codes: list[int], say: Callable[[str], None]) -> None:
    """Neither the message nor the release of the terminal."""
    with graceful_interrupts(say, lambda: [][0], lambda: [][0]):
        as_tune([])
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        _wait_for(exit_codes)
    assert exit_codes == [EXIT_CODE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_immediate_interrupt(number: int, exit_codes: list[int], capfd: pytest.CaptureFixture[str]) -> None:
    """Prints a line and exits; the earlier handlers are restored."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with immediate_interrupts():
        signal.raise_signal(number)
    assert exit_codes == [EXIT_CODE]
    assert capfd.readouterr().err == STOPPED
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_handler_that_tune_leaves_behind_is_removed() -> None:
    """Afterwards the earlier handler is installed again."""
    before = signal.getsignal(signal.SIGINT)
    with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        as_tune([])
    assert signal.getsignal(signal.SIGINT) is before


def test_before_tune_starts_ctrl_c_is_an_exception() -> None:
    """It closes what was opened."""
    with pytest.raises(KeyboardInterrupt), graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        signal.raise_signal(signal.SIGINT)


def test_an_ignored_signal_stays_ignored(exit_codes: list[int]) -> None:
    """As Ctrl-C is for a process in the background of a shell without job control."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with immediate_interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, before) == signal.SIG_IGN
    assert exit_codes == []


def test_sigterm_works_if_ctrl_c_is_ignored() -> None:
    """In a process in the background of a shell without job control."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), graceful_interrupts(lambda text: None, lambda: None, lambda: None):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_do_nothing() -> None:
    """A terminal that changes its size does not interrupt the search."""
    said: list[str] = []
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    with graceful_interrupts(said.append, lambda: None, lambda: None):
        signal.raise_signal(signal.SIGWINCH)
    signal.signal(signal.SIGWINCH, before)
    assert said == []


def test_handlers_are_restored() -> None:
    """The handler of SIGTERM and the wake-up descriptor."""
    before = signal.getsignal(signal.SIGTERM)
    with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1


def test_a_search_in_another_thread() -> None:
    """Signals arrive only in the main thread, so that nothing is installed."""
    ran: list[bool] = []

    def search() -> None:
        with graceful_interrupts(lambda text: None, lambda: None, lambda: None):
            ran.append(True)

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert ran == [True]
