"""Ctrl-C and SIGTERM: the first one saves what runs and ends the search, the second one ends the process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

import psutil

STOPPING = "stopping: running trials are saved, and resume continues them (press Ctrl-C again to stop at once)"

STOPPED = "stopped; resume continues a study that has begun\n"

#: The exit code of a process that Ctrl-C ended.
EXIT_CODE = 130


@contextmanager
def immediate_interrupts() -> Iterator[None]:
    """In this context Ctrl-C and SIGTERM end this process and its children at once, whatever they do.

    For the time in which a study is prepared or closed. A study survives that, while libraries mistake a
    `KeyboardInterrupt` that comes while they are imported for an error of their own.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A shell starts processes in the background with SIGINT ignored; leave it ignored.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    with _handlers(dict.fromkeys(numbers, _exit_at_once)):
        yield


@contextmanager
def graceful_interrupts(
    say: Callable[[str], None],
    release_terminal: Callable[[], None],
    save: Callable[[], None],
    *,
    raises: bool = True,
) -> Iterator[None]:
    """In this context SIGTERM acts like Ctrl-C: the first signal is answered with a line, the second ends the process.

    The second ends it as `kill -9` would, which a study survives, and its children with it. Enter the context after
    Ray has started, which installs its own handler for SIGTERM. Ray Tune installs a handler for Ctrl-C and prints
    nothing. Python also writes the number of every signal to a wake-up pipe, whatever handler is installed; a thread
    reads it there. On a thread other than the main thread, which receives no signals, this does nothing.

    Args:
        say: shows a line to the user.
        release_terminal: restores the terminal before the process ends.
        save: saves what runs; called at the first signal.
        raises: whether the first signal also raises `KeyboardInterrupt` in the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reading, say, release_terminal, save), daemon=True)
    listener.start()
    try:
        # Also removes the handler that Ray Tune leaves behind, which would end nothing later on.
        on_sigint, on_sigterm = (signal.default_int_handler, _like_ctrl_c) if raises else (_ignore, _ignore)
        with _handlers({signal.SIGINT: on_sigint, signal.SIGTERM: on_sigterm}):
            yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        listener.join()
        os.close(reading)


@contextmanager
def _handlers(handlers: dict[int, Callable[[int, FrameType | None], Any]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, STOPPED.encode())
    _kill_children()
    os._exit(EXIT_CODE)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Does nothing: `_listen` reads the signal from the pipe."""


def _like_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Calls the present handler of Ctrl-C."""
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)  # Python's own, or Tune's
    handler(signal.SIGINT, frame)


def _listen(
    reading: int, say: Callable[[str], None], release_terminal: Callable[[], None], save: Callable[[], None]
) -> None:
    signals = 0
    while numbers := os.read(reading, 64):
        for number in numbers:
            if number not in (signal.SIGINT, signal.SIGTERM):
                continue
            signals += 1
            if signals == 1:  # in threads: a full pipe on stdout must not delay the second signal
                for act in (save, partial(say, STOPPING)):
                    threading.Thread(target=_call_quietly, args=(act,), daemon=True).start()
                continue
            end_process(EXIT_CODE, release_terminal)


def _call_quietly(act: Callable[[], None]) -> None:
    with suppress(Exception):  # the same Ctrl-C may have ended Ray, or the reader of stdout
        act()


def end_process(code: int, release_terminal: Callable[[], None]) -> None:
    """Ends this process and its children as `kill -9` would, which a study survives."""
    with suppress(Exception):  # the terminal may be gone
        release_terminal()
    _kill_children()
    os._exit(code)


def _kill_children() -> None:
    """Kills the Ray that was started here: its agents would look for it for another minute."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
