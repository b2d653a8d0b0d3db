"""Callbacks for trials that run in a search: heartbeat, and checkpoints before a machine or the search goes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.training.reports import Interrupted

#: Seconds between two heartbeats.
_HEARTBEAT_SECONDS = 5.0

#: Seconds between two checks for the end of the search during an evaluation.
_CHECK_SECONDS = 0.5


class Heartbeat(TrainerCallback):
    """Calls `beat` every few seconds while steps are made or rows are predicted."""

    def __init__(self, beat: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._beat, self._clock = beat, clock
        self._last = -_HEARTBEAT_SECONDS

    def _progress(self, *_: Any, **__: Any) -> None:
        if self._clock() - self._last >= _HEARTBEAT_SECONDS:
            self._last = self._clock()
            self._beat()

    on_substep_end = on_step_end = on_prediction_step = on_save = _progress


class SaveOnPreemption(TrainerCallback):
    """Saves one checkpoint at once when the machine is about to be taken away.

    Args:
        preemption: returns None while there is no warning. Called at every logged step, with the same answer on all
            workers.
    """

    def __init__(self, preemption: Callable[[], object | None]) -> None:
        self._preemption = preemption
        self._saved = False

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._saved or state.global_step % args.logging_steps:
            return
        if self._preemption() is not None:
            self._saved = control.should_save = True


class SaveOnShutdown(TrainerCallback):
    """Saves a checkpoint and interrupts the trial when the search ends, during an epoch or an evaluation.

    Args:
        check_step: returns, for an optimizer step, whether the search ends, and the step of the next check. All
            workers check at the same steps and get the same answers.
        check_evaluation: returns whether the search ends. During an evaluation workers may get different answers;
            the engine reconciles them.
    """

    def __init__(
        self,
        check_step: Callable[[int], tuple[bool, int]],
        check_evaluation: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check_step, self._check_evaluation, self._clock = check_step, check_evaluation, clock
        self._search_ends, self._next_check, self._last_check = False, 0, clock()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._search_ends, self._next_check = False, 0  # training restarts after a batch that did not fit into memory

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step < self._next_check:
            return
        self._search_ends, self._next_check = self._check_step(state.global_step)
        if self._search_ends and not control.should_evaluate:  # an evaluation that is due now is interrupted instead
            control.should_save = True

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        if self._clock() - self._last_check >= _CHECK_SECONDS:
            self._last_check = self._clock()
            if self._check_evaluation():
                raise Interrupted

    def on_save(self, *_: Any, **__: Any) -> None:
        if self._search_ends:
            raise Interrupted
