"""What happens between Ctrl-C and the end: a word on the screen at once, and the same end for SIGTERM."""

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

STOPPING = "stopping: what runs is saved, and resume goes on from there (Ctrl-C again: at once)"

STOPPED = "stopped; resume goes on with a study that was begun\n"

#: What the shell is told of a process that Ctrl-C ended.
EXIT_CODE = 130


@contextmanager
def at_once() -> Iterator[None]:
    """While this lasts, Ctrl-C and SIGTERM end this process and those that it started, whatever it is in the middle of.

    For the time in which a study is prepared, or closed: it outlives that, while libraries take a `KeyboardInterrupt`
    that comes while they are imported for an error of theirs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop_answers = (number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN)
    with _handlers(dict.fromkeys(stop_answers, _end)):  # a shell tells processes in the background to ignore Ctrl-C
        yield


@contextmanager
def _handlers(wanted: dict[int, Callable[[int, FrameType | None], Any]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _end(number: int, frame: FrameType | None) -> None:
    with suppress(OSError):
        os.write(2, STOPPED.encode())
    _end_children()
    os._exit(EXIT_CODE)


@contextmanager
def heard(say: Callable[[str], None], leave: Callable[[], None], save: Callable[[], None]) -> Iterator[None]:
    """While this lasts, SIGTERM is as good as Ctrl-C: the first is answered with a line, the second ends this process.

    At once, that is, as `kill -9` would, which a study outlives; the processes that this one started end with it. Begin
    when Ray is there, which listens to SIGTERM itself. Ray Tune puts its own handler for Ctrl-C in place and says
    nothing; Python writes the number of every signal to a pipe besides, whoever handles it, and a thread reads it
    there. On another than the main thread, where no signals arrive, this does nothing.

    Args:
        say: tells a person.
        leave: gives the terminal back before the end.
        save: has what runs saved; called at the first.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reading, say, leave, save), daemon=True)
    listener.start()
    try:
        # Ray Tune leaves its handler behind, which would end nothing that comes later.
        with _handlers({signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _like_ctrl_c}):
            yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        listener.join()
        os.close(reading)


def _like_ctrl_c(number: int, frame: FrameType | None) -> None:
    """Whatever Ctrl-C would do now."""
    handler = signal.getsignal(signal.SIGINT)
    assert callable(handler)  # Python's own, or Tune's
    handler(signal.SIGINT, frame)


def _listen(reading: int, say: Callable[[str], None], leave: Callable[[], None], save: Callable[[], None]) -> None:
    asked = 0
    while numbers := os.read(reading, 64):
        for number in numbers:
            if number not in (signal.SIGINT, signal.SIGTERM):
                continue
            asked += 1
            if asked == 1:  # by threads: a pipe that nobody reads would keep the second from being heard
                for act in (save, partial(say, STOPPING)):
                    threading.Thread(target=_quietly, args=(act,), daemon=True).start()
                continue
            with suppress(Exception):  # a terminal that is gone keeps nobody here
                leave()
            _end_children()
            os._exit(EXIT_CODE)


def _quietly(act: Callable[[], None]) -> None:
    with suppress(Exception):  # whoever read it, or Ray, may have been ended by the same Ctrl-C
        act()


def _end_children() -> None:
    """The Ray that was started here: left alone, its agents look for it for another minute."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
