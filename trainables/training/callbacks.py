"""Signs that a trial gives and heeds while it trains: that it is alive, that its machine or the search goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.training.reports import Interrupted

#: Seconds between two signs of life.
_BEAT = 5.0

#: Seconds between two questions whether the search ends, while rows are predicted.
_ASK = 0.5


class Heartbeat(TrainerCallback):
    """Calls `beat` now and then as long as steps are made or rows predicted."""

    def __init__(self, beat: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._beat, self._clock = beat, clock
        self._last = -_BEAT

    def _step(self, *_: Any, **__: Any) -> None:
        if self._clock() - self._last >= _BEAT:
            self._last = self._clock()
            self._beat()

    on_substep_end = on_step_end = on_prediction_step = on_save = _step


class SaveOnPreemption(TrainerCallback):
    """Saves a checkpoint at once when `warning` answers that the machine is about to go.

    Args:
        warning: asked at every logged step, on all workers alike: they agree on its answer.
    """

    def __init__(self, warning: Callable[[], object | None]) -> None:
        self._warning = warning
        self._saved = False

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._saved or state.global_step % args.logging_steps:
            return
        if self._warning() is not None:
            self._saved = control.should_save = True


class SaveOnShutdown(TrainerCallback):
    """Saves a checkpoint and leaves the trial when the search ends, in the middle of an epoch or of an evaluation.

    Args:
        at_step: answers, for an optimizer step, whether it ends and at which step to ask again; all workers, which
            ask at the same steps, are answered alike.
        anywhere: whether it ends; in an evaluation workers need not agree, the engine sees to that.
    """

    def __init__(
        self,
        at_step: Callable[[int], tuple[bool, int]],
        anywhere: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._at_step, self._anywhere, self._clock = at_step, anywhere, clock
        self._ends, self._next, self._asked = False, 0, clock()

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self._ends, self._next = False, 0  # a trial that did not fit into memory begins anew

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if state.global_step < self._next:
            return
        self._ends, self._next = self._at_step(state.global_step)
        if self._ends and not control.should_evaluate:  # at a rung, the evaluation that comes now is left
            control.should_save = True

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        if self._clock() - self._asked >= _ASK:
            self._asked = self._clock()
            if self._anywhere():
                raise Interrupted

    def on_save(self, *_: Any, **__: Any) -> None:
        if self._ends:
            raise Interrupted
