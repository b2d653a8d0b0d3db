"""Callbacks of the engine: when a trial is evaluated, the epoch of its sampler, and gradient norms by layer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState

from trainables.training.batching import GlobalBatchSampler


class EvaluationSchedule(TrainerCallback):
    """Requests an evaluation every `every` epochs and at the end, for any number of steps per epoch.

    Args:
        every: epochs between evaluations; may be a fraction.
        until: epoch at which the trial ends.
    """

    def __init__(self, every: float, until: float) -> None:
        self.every, self.until = every, until
        self._steps: dict[int, float] = {}
        self._steps_per_epoch = 1

    def plan(self, steps_per_epoch: int) -> None:
        """Computes the optimizer steps of all evaluations."""
        self._steps_per_epoch = steps_per_epoch
        count = math.floor(self.until / self.every + 1e-9)
        epochs = [self.every * (k + 1) for k in range(count)]
        if not epochs or epochs[-1] < self.until - 1e-9:
            epochs.append(self.until)
        self._steps = {max(1, math.ceil(epoch * steps_per_epoch - 1e-9)): round(float(epoch), 6) for epoch in epochs}

    def epoch_at(self, step: int) -> float:
        """Returns the epoch of the evaluation at `step`."""
        return self._steps[step]

    def position(self, step: int) -> tuple[float, float]:
        """Returns the epoch of a step and the epoch of the last evaluation up to it, 0 before the first."""
        evaluated = max((epoch for due, epoch in self._steps.items() if due <= step), default=0.0)
        return (self._steps[step] if step in self._steps else step / self._steps_per_epoch), evaluated

    def is_due(self, step: int) -> bool:
        """Returns whether an evaluation is due at this step."""
        return step in self._steps

    def is_last(self, step: int) -> bool:
        """Returns whether no evaluation follows the one at this step."""
        return step >= max(self._steps)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        control.should_evaluate = self.is_due(state.global_step)
        return control


class PendingEvaluation(TrainerCallback):
    """Before a trial resumes, calls `evaluate`, which repeats the evaluation that was interrupted."""

    def __init__(self, evaluate: Callable[[], None]) -> None:
        self._evaluate = evaluate

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step:
            self._evaluate()


class EpochOrder(TrainerCallback):
    """Sets the epoch of the sampler before each pass, also when a trial resumes in the middle of one."""

    def __init__(self, sampler: GlobalBatchSampler) -> None:
        self._sampler = sampler

    def on_epoch_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._sampler.set_epoch(int((state.epoch or 0.0) + 1e-6))


_LAYER = re.compile(r"^(.*?(?:layer|layers|block|convolutions)\.\d+)\.|^(.*?)\.[^.]+$")


def layer_of(parameter: str) -> str:
    """Returns the layer of a parameter: `bert.encoder.layer.3` or, outside all layers, its module."""
    match = _LAYER.match(parameter)
    return (match[1] or match[2]) if match else parameter


class GradientNorms:
    """The norm of every layer's gradient before clipping; `newest` holds the last measurement."""

    def __init__(self) -> None:
        self.newest: dict[str, float] = {}

    def measure(self, model: torch.nn.Module, total: float) -> None:
        """Measures the gradients of all layers.

        Clipping has scaled all of them by one factor, which is undone here.

        Args:
            total: norm of the whole gradient before clipping.
        """
        squares: dict[str, float] = {}
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                layer = layer_of(name.removeprefix("module."))
                squares[layer] = squares.get(layer, 0.0) + float(parameter.grad.float().pow(2).sum())
        clipped = math.sqrt(math.fsum(squares.values()))
        scale = total / clipped if clipped else 1.0
        self.newest = {f"gradients/{layer}": scale * math.sqrt(square) for layer, square in squares.items()}
