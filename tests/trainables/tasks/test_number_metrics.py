"""Correlations and errors of predicted numbers, computed by hand."""

from __future__ import annotations

import math
import warnings

import pytest

from trainables.tasks.number_metrics import regression


def test_regression_by_hand() -> None:
    """Targets 1, 2, 3, 4 predicted as 1, 3, 2, 6."""
    scores = regression([1, 2, 3, 4], [1, 3, 2, 6])
    # Deviations -1.5, -0.5, 0.5, 1.5 and -2, 0, -1, 3: products 3 + 0 - 0.5 + 4.5 = 7, squares 5 and 14.
    # Ranks 1, 3, 2, 4: rank differences 0, 1, 1, 0, so 1 - 6 · 2 / (4 · 15) = 0.8. Errors 0, 1, -1, 2.
    expected = {"pearson": 7 / math.sqrt(5 * 14), "spearman": 0.8, "mse": 6 / 4, "mae": 4 / 4}
    assert scores == pytest.approx(expected)


@pytest.mark.parametrize(("targets", "predictions"), [([1, 2, 3], [2, 2, 2]), ([2, 2, 2], [1, 2, 3]), ([1], [2])])
def test_constant_numbers_have_no_correlation(targets: list[float], predictions: list[float]) -> None:
    """It is 0, without a warning; errors are computed as usual."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = regression(targets, predictions)
    assert (scores["pearson"], scores["spearman"]) == (0.0, 0.0)
    assert scores["mae"] > 0


@pytest.mark.parametrize(("targets", "predictions"), [([], []), ([1.0], [1.0, 2.0])])
def test_unequal_numbers_of_rows_are_refused(targets: list[float], predictions: list[float]) -> None:
    """So are no rows."""
    with pytest.raises(ValueError, match="labels against"):
        regression(targets, predictions)
