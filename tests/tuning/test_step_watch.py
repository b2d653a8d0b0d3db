"""The thread that asks for steps: nothing waits for it, and no fault of it reaches the search."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest

from benchmarks._fault_study import wait_until
from trainables.training.reports import StepProgress
from tuning import step_watch
from tuning.step_watch import watch_steps

STEPS = {"trial-0": StepProgress(step=10, epoch=0.5)}


def test_new_steps_are_shown_until_the_search_ends() -> None:
    """An error, as of a Ray that has ended, and a call without news show nothing."""
    answers: list[Mapping[str, StepProgress] | Exception] = [STEPS, {}, ConnectionError("Ray has ended"), STEPS]
    shown: list[Mapping[str, StepProgress]] = []

    def read() -> Mapping[str, StepProgress]:
        answer = answers.pop(0) if answers else {}
        if isinstance(answer, Exception):
            raise answer
        return answer

    with watch_steps(read, shown.append, seconds=0.01):
        assert wait_until(lambda: not answers, 5) is not None
    assert shown == [STEPS, STEPS]
    answers.append(STEPS)
    time.sleep(0.05)
    assert len(shown) == 2


def test_the_end_of_a_search_does_not_wait_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does not answer must not delay Ctrl-C; what it answers afterwards is not shown."""
    monkeypatch.setattr(step_watch, "_LAST_SECONDS", 0.05)
    asked, answered = threading.Event(), threading.Event()
    shown: list[Mapping[str, StepProgress]] = []

    def read() -> Mapping[str, StepProgress]:
        asked.set()
        answered.wait(10)
        return STEPS

    with watch_steps(read, shown.append, seconds=0.01):
        assert asked.wait(5)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    answered.set()
    time.sleep(0.05)
    assert shown == []
