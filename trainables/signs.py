"""Signs that a trial gives and heeds while it trains: that it is alive, and that its machine is about to go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

#: Seconds between two signs of life.
_BEAT = 5.0


class Pulse(TrainerCallback):
    """Calls `beat` now and then as long as steps are made or rows predicted."""

    def __init__(self, beat: Callable[[], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._beat, self._clock = beat, clock
        self._last = -_BEAT

    def _step(self, *_: Any, **__: Any) -> None:
        if self._clock() - self._last >= _BEAT:
            self._last = self._clock()
            self._beat()

    on_substep_end = on_step_end = on_prediction_step = on_save = _step


class Preemption(TrainerCallback):
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
