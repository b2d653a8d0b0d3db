"""Early stopping: how long a trial may go without improvement."""

from __future__ import annotations

import pytest

from trainables.training.early_stopping import EarlyStopping, evaluations_without_improvement


@pytest.mark.parametrize(
    ("values", "mode", "threshold", "expected"),
    [
        ([], "max", 0.0, 0),
        ([0.5], "max", 0.0, 0),
        ([0.5, 0.6, 0.6], "max", 0.0, 1),  # an equal value is no improvement
        ([0.5, 0.6, 0.55, 0.58], "max", 0.0, 2),
        ([0.5, 0.4, 0.6], "max", 0.0, 0),
        ([0.5, 0.505, 0.509, 0.52], "max", 0.01, 0),  # only 0.52 is more than 0.01 above 0.5
        ([0.5, 0.505, 0.509], "max", 0.01, 2),
        ([0.5, 0.75], "max", 0.25, 1),  # exactly the threshold is no improvement; all three are exact in binary
        ([2.0, 1.0, 1.5, 1.2], "min", 0.0, 2),
        ([1.0, 0.995, 0.991], "min", 0.01, 2),  # both are less than 0.01 below 1.0
        ([1.0, 1.005], "min", 0.01, 1),  # worse by less than the threshold is no improvement
        ([1.0, 0.995, 0.98], "min", 0.01, 0),  # only 0.98 is more than 0.01 below 1.0
        ([0.75, 0.5], "min", 0.25, 1),
    ],
)
def test_evaluations_without_improvement(values: list[float], mode: str, threshold: float, expected: int) -> None:
    """Counted from the last evaluation that beat all before it by more than the threshold."""
    assert evaluations_without_improvement(dict(enumerate(values, 1)), mode, threshold) == expected


def test_evaluations_are_compared_in_order_of_their_epochs() -> None:
    """Not in the order in which they were recorded: a resumed trial repeats one."""
    assert evaluations_without_improvement({2.0: 0.6, 1.0: 0.5, 3.0: 0.55}, "max", 0.0) == 1


@pytest.mark.parametrize(("patience", "stops"), [(None, False), (1, True), (2, True), (3, False)])
def test_a_trial_stops_when_patience_is_used_up(patience: int | None, stops: bool) -> None:
    """After two evaluations without improvement."""
    rule = EarlyStopping(patience=patience, threshold=0.0, mode="max")
    assert rule.should_stop({1.0: 0.5, 2.0: 0.4, 3.0: 0.5}) is stops
