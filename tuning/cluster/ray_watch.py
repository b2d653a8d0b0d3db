"""Notices within seconds that the Ray of this machine has died. Ray itself waits for a minute, or for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from trainables.slots.ray_internals import ended_processes

#: Seconds between two looks.
_SECONDS = 2.0

#: Without these, no call of Ray returns: a node and its workers, and the state of the cluster.
_ESSENTIAL = ("raylet", "gcs_server")


@contextmanager
def watch_ray(on_death: Callable[[str], None], seconds: float = _SECONDS) -> Iterator[None]:
    """In this context, calls `on_death` once, in another thread, if a process of the Ray that was started here dies.

    Leave the context before that Ray is shut down.

    Args:
        on_death: Gets the name of the process, such as raylet.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(seconds):
            for name in ended_processes():
                if name in _ESSENTIAL and not over.is_set():
                    on_death(name)
                    return

    thread = threading.Thread(target=watch, name="ray", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(seconds)
