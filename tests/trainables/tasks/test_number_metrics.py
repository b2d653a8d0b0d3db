"""Correlations and errors of predicted numbers, computed by hand."""

from __future__ import annotations

import math
import warnings

import pytest

from trainables.tasks.number_metrics import regression


def test_regression_by_hand() -> None:
    """Targets 1, 2, 3, 4 predicted as 1, 3, 2, 6."""
    found = regression([1, 2, 3, 4], [1, 3, 2, 6])
    # Deviations -1.5, -0.5, 0.5, 1.5 and -2, 0, -1, 3: products 3 + 0 - 0.5 + 4.5 = 7, squares 5 and 14.
    # Ranks 1, 3, 2, 4: rank differences 0, 1, 1, 0, so 1 - 6 · 2 / (4 · 15) = 0.8. Errors 0, 1, -1, 2.
    wanted = {"pearson": 7 / math.sqrt(5 * 14), "spearman": 0.8, "mse": 6 / 4, "mae": 4 / 4}
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("targets", "predictions"), [([1, 2, 3], [2, 2, 2]), ([2, 2, 2], [1, 2, 3]), ([1], [2])])
def test_what_never_varies_correlates_with_nothing(targets: list[float], predictions: list[float]) -> None:
    """0, without a warning; the errors are still errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression(targets, predictions)
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)
    assert found["mae"] > 0


@pytest.mark.parametrize(("targets", "predictions"), [([], []), ([1.0], [1.0, 2.0])])
def test_numbers_must_match(targets: list[float], predictions: list[float]) -> None:
    """No rows, or unequal numbers of them, are no score."""
    with pytest.raises(ValueError, match="labels against"):
        regression(targets, predictions)
