"""Comparing values: the direction decides, and NaN never wins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from foundation.checked_json import plain
from search_spaces.choices import Direction
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import Metric, best_of, is_better
from trainables.tasks.regression import Regression


def test_a_label_names_the_tokenizer_only_if_the_value_depends_on_it() -> None:
    """ROUGE depends on it, accuracy does not; without a tokenizer the label is the name."""
    rouge = Metric("rouge_1", Direction.MAX, lambda inputs: 0.0, counted_by_tokenizer=True)
    accuracy = Metric("accuracy", Direction.MAX, lambda inputs: 0.0)
    assert rouge.label("whitespace") == "rouge_1 (whitespace)"
    assert rouge.label(None) == rouge.label("") == "rouge_1"
    assert accuracy.label("whitespace") == "accuracy"


@pytest.mark.parametrize(("mode", "better", "worse"), [("max", 2.0, 1.0), ("min", 1.0, 2.0)])
def test_is_better_follows_the_direction(mode: str, better: float, worse: float) -> None:
    """An equal value is not better, and a finite value beats None."""
    assert is_better(better, worse, mode)
    assert not is_better(worse, better, mode)
    assert not is_better(better, better, mode)
    assert is_better(worse, None, mode)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_never_wins(value: float, mode: str) -> None:
    """Neither against a number nor against None."""
    assert not is_better(value, None, mode)
    assert not is_better(value, 0.0, mode)


def test_the_best_value() -> None:
    """The first one wins a tie, NaN is skipped, and without a finite value the best is None."""
    values = {1.0: math.nan, 2.0: 0.3, 3.0: 0.5, 4.0: 0.5, 5.0: 0.3}
    assert best_of(values, "max") == 3.0
    assert best_of(values, "min") == 2.0
    assert best_of({1.0: math.nan}, "max") is None
    assert best_of({}, "min") is None


def test_the_lowest_loss_decides_a_tie() -> None:
    """A loss that is unknown counts as the highest; the first one wins if losses are equal as well."""
    values = {1.0: 0.5, 2.0: 0.5, 3.0: 0.5, 4.0: 0.5, 5.0: 0.3}
    losses = {2.0: 0.9, 3.0: 0.4, 4.0: 0.4, 5.0: 0.1}
    assert best_of(values, "max", losses) == 3.0
    assert best_of(values, "min", losses) == 5.0
    assert best_of({1.0: 0.5, 2.0: 0.5}, "max", {}) == 1.0


@pytest.mark.parametrize(
    ("predictions", "count"),
    [
        (["가", "나", "가"], 2),
        ([np.array([0.1, 0.9]), np.array([0.4, 0.6]), np.array([0.7, 0.3])], 2),  # the most probable classes
        ([[0.1, 0.9], [0.4, 0.6]], 1),
        ([0.25, 0.2500000001, 0.3], 2),
        ([["B", "O"], ["B", "O"], ["O", "O"]], 2),  # tags
        ([], 0),
    ],
)
def test_different_outputs_are_counted(predictions: list[Any], count: int) -> None:
    """Of a task that writes texts, chooses classes, predicts numbers or anything else."""
    assert Evaluation(predictions, loss=0.0, generated_tokens=0.0, seconds=0.0).distinct_outputs == count


class MeanError(Regression):
    """A regression with a metric that returns a number of NumPy, as `np.mean` does."""

    metrics = (Metric("error", Direction.MIN, lambda inputs: np.float64(0.5)),)

    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> Any:
        return None


def test_a_metric_may_return_a_number_of_numpy() -> None:
    """Scores are plain numbers, which a record can hold."""
    scores = MeanError().score(Evaluation([], loss=0.0, generated_tokens=0.0, seconds=0.0), table=None)
    assert plain(scores) == {"error": 0.5}
