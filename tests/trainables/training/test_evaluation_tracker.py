"""Patience: how long since a trial became better."""

from __future__ import annotations

import pytest

from trainables.training.evaluation_tracker import evaluations_without_improvement


@pytest.mark.parametrize(
    ("values", "mode", "threshold", "expected"),
    [
        ([], "max", 0.0, 0),
        ([0.5], "max", 0.0, 0),
        ([0.5, 0.6, 0.6], "max", 0.0, 1),  # as good is not better
        ([0.5, 0.6, 0.55, 0.58], "max", 0.0, 2),
        ([0.5, 0.4, 0.6], "max", 0.0, 0),
        ([2.0, 1.0, 1.5, 1.2], "min", 0.0, 2),
        ([0.5, 0.505, 0.509, 0.52], "max", 0.01, 0),  # 0.52 beats 0.5 by more than 0.01; what lies between does not
        ([0.5, 0.505, 0.509], "max", 0.01, 2),
        ([1.0, 0.995, 0.9], "min", 0.01, 0),
    ],
)
def test_how_many_evaluations_brought_nothing(values: list[float], mode: str, threshold: float, expected: int) -> None:
    """Counted from the last one that beat all before it by more than the threshold."""
    assert evaluations_without_improvement(dict(enumerate(values, 1)), mode, threshold) == expected
