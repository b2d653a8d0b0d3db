"""What a metric is: its name, its direction, what it needs, and how it is computed from an evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.choices import Direction


@dataclass(frozen=True)
class Metric:
    """One score of an evaluation.

    Args:
        name: the key in a search space (`metric:`) and in results.
        direction: the direction in which the metric improves.
        compute: computes the value from the scoring inputs of the task (`Task.scoring_inputs`).
        counted_by_tokenizer: whether the value depends on the tokenizer that counts tokens (`rouge_tokenizer`).
        requires: the setting without which no evaluation has this metric; empty if every evaluation has it.
        during_training_only: whether only an evaluation inside training can compute it.
    """

    name: str
    direction: Direction
    compute: Callable[[Any], float]
    counted_by_tokenizer: bool = False
    requires: str = ""
    during_training_only: bool = False

    def label(self, tokenizer: str | None) -> str:
        """Returns the name for people, with the tokenizer that the value depends on: `rouge_1 (whitespace)`."""
        return f"{self.name} ({tokenizer})" if tokenizer and self.counted_by_tokenizer else self.name


#: Metrics that every evaluation inside training has. `loss` is per token or row, without smoothing or class weights.
LOSS = Metric("loss", Direction.MIN, lambda inputs: inputs.evaluation.loss, during_training_only=True)
EVAL_SECONDS = Metric(
    "eval_seconds", Direction.MIN, lambda inputs: inputs.evaluation.seconds, during_training_only=True
)

#: How many different outputs an evaluation has; no objective, but 1 shows that a model ignores its input.
DISTINCT = "distinct_outputs"


def is_better(value: float, than: float | None, mode: str) -> bool:
    """Returns whether `value` beats `than` in the direction `mode`.

    A value that is not finite never beats anything; a finite value always beats None.
    """
    if not math.isfinite(value):
        return False
    if than is None:
        return True
    return value > than if mode == Direction.MAX else value < than


def best_of(values: Mapping[Any, float], mode: str, losses: Mapping[Any, float] = {}) -> Any:
    """Returns the key of the best value; None if no value is finite.

    Args:
        losses: Of equal values the one with the lowest loss is best, then the first one. Keys may be missing.
    """
    best = None
    for key, value in values.items():
        than = None if best is None else values[best]
        has_lower_loss = value == than and losses.get(key, math.inf) < losses.get(best, math.inf)
        if has_lower_loss or is_better(value, than, mode):
            best = key
    return best
