"""Metrics of predicted numbers: correlations and errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search_spaces.choices import Direction
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import Metric


def regression(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Returns Pearson's and Spearman's correlation (scipy's), mean squared and mean absolute error.

    Both correlations are 0.0 if all targets or all predictions are equal, and for a single row: a model that always
    predicts the same number has learned nothing.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    from scipy.stats import pearsonr, spearmanr

    if len(targets) == 0 or len(targets) != len(predictions):
        raise ValueError(f"{len(targets)} labels against {len(predictions)} predictions")
    true, predicted = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    is_constant = np.ptp(true) == 0 or np.ptp(predicted) == 0
    return {
        "pearson": 0.0 if is_constant else float(pearsonr(true, predicted).statistic),
        "spearman": 0.0 if is_constant else float(spearmanr(true, predicted).statistic),
        "mse": float(np.square(predicted - true).mean()),
        "mae": float(np.abs(predicted - true).mean()),
    }


@dataclass(frozen=True)
class NumberInputs:
    """What number metrics are computed from.

    Args:
        evaluation: its predictions are numbers, one per row.
        targets: true number per row.
    """

    evaluation: Evaluation
    targets: Sequence[float]

    @cached_property
    def number_scores(self) -> dict[str, float]:
        """The metrics of `regression`, computed once."""
        return regression(self.targets, self.evaluation.predictions)

    @property
    def errors(self) -> list[float]:
        """Prediction minus target of each row."""
        return [float(one - target) for one, target in zip(self.evaluation.predictions, self.targets, strict=True)]


#: Each reads `number_scores` of the scoring inputs.
NUMBER_METRICS = (
    Metric("pearson", Direction.MAX, lambda inputs: inputs.number_scores["pearson"]),
    Metric("spearman", Direction.MAX, lambda inputs: inputs.number_scores["spearman"]),
    Metric(
        "mse",
        Direction.MIN,
        lambda inputs: inputs.number_scores["mse"],
        row_values=lambda inputs: [error**2 for error in inputs.errors],
        row_name="squared_error",
    ),
    Metric(
        "mae",
        Direction.MIN,
        lambda inputs: inputs.number_scores["mae"],
        row_values=lambda inputs: [abs(error) for error in inputs.errors],
        row_name="absolute_error",
    ),
)
