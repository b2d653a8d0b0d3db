"""When a trial is evaluated, and which epoch its sampler deals: the engine's callbacks."""

from __future__ import annotations

import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.batching import GlobalBatchSampler


class Rungs(TrainerCallback):
    """Asks for an evaluation every `every` epochs and at the end, whatever the number of steps in an epoch."""

    def __init__(self, every: float, until: float) -> None:
        self.every, self.until = every, until
        self._steps: dict[int, float] = {}

    def plan(self, steps_per_epoch: int) -> None:
        """Lay out optimizer step -> epoch for all evaluations."""
        count = math.floor(self.until / self.every + 1e-9)
        epochs = [self.every * (k + 1) for k in range(count)]
        if not epochs or epochs[-1] < self.until - 1e-9:
            epochs.append(self.until)
        self._steps = {max(1, math.ceil(epoch * steps_per_epoch - 1e-9)): round(float(epoch), 6) for epoch in epochs}

    def epoch_at(self, step: int) -> float:
        return self._steps[step]

    def is_last(self, step: int) -> bool:
        return step >= max(self._steps)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        control.should_evaluate = state.global_step in self._steps
        return control


class EpochOrder(TrainerCallback):
    """Gives the sampler the epoch before each pass, also when a trial goes on in the middle."""

    def __init__(self, sampler: GlobalBatchSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._sampler.set_epoch(int((state.epoch or 0.0) + 1e-6))
