"""The order of trials."""

from __future__ import annotations

import math

import pytest

from foundation.statuses import TrialStatus
from tuning.studies.ranking import rank_trials
from tuning.studies.records import TrialRecord

_VALUES = [0.2, math.nan, 0.7, 0.7, 0.9, None]
_STATUSES = [TrialStatus.COMPLETED] * 3 + [TrialStatus.RUNNING, TrialStatus.FAILED, TrialStatus.RUNNING]


@pytest.mark.parametrize(("mode", "order"), [("max", [2, 3, 0]), ("min", [0, 2, 3])])
def test_trials_are_ranked_best_first(mode: str, order: list[int]) -> None:
    """Trials without a finite value and failed trials are left out; of equal trials the earlier comes first."""
    records = [TrialRecord(number, f"s-{number}", {}, {}, 3.0, status=_STATUSES[number]) for number in range(6)]
    ranked = rank_trials(reversed(records), lambda record: _VALUES[record.number], mode, lambda record: None)
    assert [record.number for record in ranked] == order


@pytest.mark.parametrize("mode", ["max", "min"])
def test_of_equal_trials_the_lower_loss_comes_first(mode: str) -> None:
    """In both directions of the metric; a loss that is unknown or infinite comes last, then the number decides."""
    losses = [None, 0.9, 0.4, math.inf, 0.9]
    records = [TrialRecord(number, f"s-{number}", {}, {}, 3.0) for number in range(5)]
    ranked = rank_trials(records, lambda record: 0.5, mode, lambda record: losses[record.number])
    assert [record.number for record in ranked] == [2, 1, 4, 0, 3]
