"""Asks for the steps of the running trials every two seconds, in a thread that nothing waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from trainables.training.reports import StepProgress

#: Seconds between two questions.
_SECONDS = 2.0

#: Seconds that the end of a search waits for a question that is being asked.
_LAST_SECONDS = 2.0


@contextmanager
def watch_steps(
    read: Callable[[], Mapping[str, StepProgress]],
    show: Callable[[Mapping[str, StepProgress]], None],
    seconds: float = _SECONDS,
) -> Iterator[None]:
    """In this context, passes the steps that `read` returns to `show`.

    Args:
        read: returns the steps that are new, by trial id.
    """
    over = threading.Event()

    def watch() -> None:
        while not over.wait(seconds):
            steps: Mapping[str, StepProgress] = {}
            with suppress(Exception):  # Ray may be gone: the steps are only shown, and the search reports what is lost
                steps = read()
            if steps and not over.is_set():
                show(steps)

    thread = threading.Thread(target=watch, name="steps", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_LAST_SECONDS)
