"""What a metric is: its name, its direction, what it needs, and how it is computed from an evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        row_values: computes the value of each row, if the metric is the mean of these; None for a metric of all rows
            together, such as BLEU or a correlation.
        row_name: what the value of a row is called; empty: as the metric.
    """

    name: str
    direction: Direction
    compute: Callable[[Any], float]
    counted_by_tokenizer: bool = False
    requires: str = ""
    during_training_only: bool = False
    row_values: Callable[[Any], Sequence[float]] | None = None
    row_name: str = ""

    def label(self, tokenizer: str | None) -> str:
        """Returns the name for people, with the tokenizer that the value depends on: `rouge_1 (whitespace)`."""
        return f"{self.name} ({tokenizer})" if tokenizer and self.counted_by_tokenizer else self.name


def compute_all(metrics: Iterable[Metric], inputs: Any) -> dict[str, float]:
    """Returns the value of each metric by its name."""
    # `float`: NumPy's numbers pass as Python's, but cannot be written to a record.
    return {metric.name: float(metric.compute(inputs)) for metric in metrics}


def compute_rows(metrics: Iterable[Metric], inputs: Any) -> dict[str, Sequence[float]]:
    """Returns the values of each row of the metrics that are the mean over rows, by `row_name`."""
    return {one.row_name or one.name: one.row_values(inputs) for one in metrics if one.row_values}


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
