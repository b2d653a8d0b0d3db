"""The engine's callbacks: when a trial is evaluated, which epoch its sampler deals, gradients by layer."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.training.batching import GlobalBatchSampler


class EvaluationSchedule(TrainerCallback):
    """Asks for an evaluation every `every` epochs and at the end, whatever the number of steps in an epoch."""

    def __init__(self, every: float, until: float) -> None:
        self.every, self.until = every, until
        self._steps: dict[int, float] = {}
        self._steps_per_epoch = 1

    def plan(self, steps_per_epoch: int) -> None:
        """Lay out optimizer step -> epoch for all evaluations."""
        self._steps_per_epoch = steps_per_epoch
        count = math.floor(self.until / self.every + 1e-9)
        epochs = [self.every * (k + 1) for k in range(count)]
        if not epochs or epochs[-1] < self.until - 1e-9:
            epochs.append(self.until)
        self._steps = {max(1, math.ceil(epoch * steps_per_epoch - 1e-9)): round(float(epoch), 6) for epoch in epochs}

    def epoch_at(self, step: int) -> float:
        return self._steps[step]

    def place(self, step: int) -> tuple[float, float]:
        """The epoch of a step, and the last rung up to it; 0 before the first."""
        passed = [epoch for rung, epoch in self._steps.items() if rung <= step]
        evaluated = max(passed, default=0.0)
        return (self._steps[step] if step in self._steps else step / self._steps_per_epoch), evaluated

    def is_rung(self, step: int) -> bool:
        """Whether an evaluation belongs to this step."""
        return step in self._steps

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


_LAYER = re.compile(r"^(.*?(?:layer|layers|block|convolutions)\.\d+)\.|^(.*?)\.[^.]+$")


def layer_of(parameter: str) -> str:
    """The layer that a parameter belongs to: `bert.encoder.layer.3` or, outside all layers, the module it is in."""
    found = _LAYER.match(parameter)
    return (found.group(1) or found.group(2)) if found else parameter


class GradientNorms:
    """The norm of every layer's gradient, before it is clipped; `newest` is of the last that were measured."""

    def __init__(self) -> None:
        self.newest: dict[str, float] = {}

    def measure(self, model: torch.nn.Module, total: float) -> None:
        """Remember the gradients of all layers, as they were before they were scaled down together.

        Args:
            total: norm of the whole gradient before it was clipped.
        """
        squares: dict[str, float] = {}
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                layer = layer_of(name.removeprefix("module."))
                squares[layer] = squares.get(layer, 0.0) + float(parameter.grad.float().pow(2).sum())
        clipped = math.sqrt(math.fsum(squares.values()))
        scale = total / clipped if clipped else 1.0
        self.newest = {f"gradients/{layer}": scale * math.sqrt(square) for layer, square in squares.items()}
