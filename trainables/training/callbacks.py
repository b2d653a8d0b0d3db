"""Callbacks for trials that run in a search: heartbeat, and checkpoints before a machine or the search goes away."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.training.reports import Interrupted, StepProgress

#: Seconds between two heartbeats.
_HEARTBEAT_SECONDS = 2.0

#: Seconds between two checks for the end of the search during an evaluation.
_CHECK_SECONDS = 0.5


class Heartbeat(TrainerCallback):
    """Counts and times the steps of a trial, and calls `beat` with them every few seconds.

    Steps are timed from the end of one to the end of the next, so that loading a batch counts. It beats while steps are
    made or rows are predicted, and after each evaluation.
    """

    def __init__(self, beat: Callable[[StepProgress], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._beat, self._clock = beat, clock
        self._last = -math.inf
        self._start_timing()

    def _start_timing(self) -> None:
        self._timed_steps = self._evaluations = self._batches = 0
        self._training_seconds = self._evaluation_seconds = 0.0
        self._share: float | None = None  # of the current evaluation
        self._step_began: float | None = None  # None while no step is timed
        self._evaluation_began: float | None = None
        self._is_warm = False

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._start_timing()  # training restarts after a batch that did not fit into memory

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        if self._step_began is None:  # the first step of this process, or after an evaluation
            now = self._clock()
            self._end_evaluation(now)  # with the checkpoint after it
            self._step_began = now if self._is_warm else None

    def on_substep_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._beat_if_due(state, self._clock())

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = self._clock()
        if self._step_began is not None:
            self._timed_steps += 1
            self._training_seconds += now - self._step_began
        self._is_warm = True
        self._step_began = None if control.should_evaluate else now
        self._evaluation_began = now if control.should_evaluate else None
        self._beat_if_due(state, now)

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, eval_dataloader: Any = None, **_: Any
    ) -> None:
        now = self._clock()
        if self._evaluation_began is None:  # before the first step of a trial that resumes at an evaluation
            self._evaluation_began = now
        self._batches += 1
        self._share = self._batches / max(len(eval_dataloader or ()), self._batches)
        self._beat_if_due(state, now)

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = self._clock()
        self._end_evaluation(now)
        self._evaluation_began = now  # the checkpoint follows
        self._evaluations, self._batches, self._share = self._evaluations + 1, 0, None
        self._send(state, now)

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._step_began = None
        self._beat_if_due(state, self._clock())

    def _end_evaluation(self, now: float) -> None:
        if self._evaluation_began is not None:
            self._evaluation_seconds += now - self._evaluation_began
            self._evaluation_began = None

    def _beat_if_due(self, state: TrainerState, now: float) -> None:
        if now - self._last >= _HEARTBEAT_SECONDS:
            self._send(state, now)

    def _send(self, state: TrainerState, now: float) -> None:
        self._last = now
        began = self._evaluation_began
        self._beat(
            StepProgress(
                step=state.global_step,
                epoch=float(state.epoch or 0.0),
                timed_steps=self._timed_steps,
                training_seconds=self._training_seconds,
                evaluations=self._evaluations,
                evaluation_seconds=self._evaluation_seconds,
                evaluated=self._share,
                evaluated_seconds=now - began if self._share is not None and began is not None else 0.0,
            )
        )


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
