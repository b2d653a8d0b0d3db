"""What happens between Ctrl-C and the end: a word on the screen at once, and the same end for SIGTERM."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STOPPING = "stopping; resume goes on from the last checkpoints (Ctrl-C again: at once)"


@contextmanager
def heard(say: Callable[[str], None]) -> Iterator[None]:
    """While a search runs, SIGTERM ends it as Ctrl-C does, and the first of either is answered with a line.

    Ray Tune puts its own handler for Ctrl-C in place and says nothing; Python writes the number of every signal to a
    pipe besides, whoever handles it, and a thread reads it there. On another than the main thread, where no signals
    arrive, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    earlier = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    listener = threading.Thread(target=_listen, args=(reading, say), daemon=True)
    listener.start()
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
        signal.set_wakeup_fd(before)
        os.close(writing)
        listener.join()
        os.close(reading)


def _listen(reading: int, say: Callable[[str], None]) -> None:
    told = False
    while numbers := os.read(reading, 64):
        if not told and {signal.SIGINT, signal.SIGTERM} & set(numbers):
            told = True
            say(STOPPING)
