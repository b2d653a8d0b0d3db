"""Snapshots of a search: estimates, the best trial, and the rows to show."""

import math
from dataclasses import replace

import pytest

from tests.tuning.display.snapshots import a_progress, a_row, rows_with
from tuning.display.progress import select_rows


def test_no_estimate_before_a_trial_has_ended() -> None:
    """The duration of a trial is unknown."""
    assert a_progress(rows_with(running=2)).estimated_seconds_left is None


def test_estimate_is_slot_seconds_per_trial_times_trials_left_over_slots() -> None:
    """A running trial counts as half done on both sides."""
    # 100 s on 2 slots = 200 slot-seconds for 3 ended and 2 half trials = 4 trials' worth, so 50 each.
    # 10 - 3 - 2 × ½ = 6 trials' worth is left: 6 × 50 / 2 slots = 150 s.
    rows = rows_with(completed=1, pruned=1, failed=1, running=2)
    assert a_progress(rows, elapsed_seconds=100, total_trials=10).estimated_seconds_left == pytest.approx(150)


def test_estimate_never_exceeds_the_time_budget() -> None:
    """The search stops when its budget is used up: of 120 s, 20 s are left after 100 s, and none after 130 s."""
    rows = rows_with(completed=3, running=2)
    budgeted = a_progress(rows, elapsed_seconds=100, total_trials=10, time_budget_seconds=120)
    assert budgeted.estimated_seconds_left == pytest.approx(20)
    assert replace(budgeted, elapsed_seconds=130).estimated_seconds_left == 0


def test_the_last_trial_is_not_shared_among_idle_slots() -> None:
    """Four slots do not finish one trial four times as fast."""
    # 100 s × 4 slots / 3.5 trials' worth × half a trial left / 1 slot at work = 57.14 s.
    rows = rows_with(completed=3, running=1)
    last = a_progress(rows, elapsed_seconds=100, total_trials=4, slots=4)
    assert last.estimated_seconds_left == pytest.approx(57.142857)


def test_no_time_is_left_when_all_trials_have_ended() -> None:
    """A finished search."""
    assert a_progress(rows_with(completed=2), total_trials=2).estimated_seconds_left == 0


@pytest.mark.parametrize(("mode", "number"), [("max", 2), ("min", 0)])
def test_the_best_row_depends_on_the_mode(mode: str, number: int) -> None:
    """NaN and failed trials are never the best; of equal trials the earlier is."""
    bests = [("completed", 0.2), ("completed", math.nan), ("pruned", 0.7), ("running", 0.7), ("failed", 0.9)]
    rows = [a_row(index, status, best=best) for index, (status, best) in enumerate(bests)]
    rows.append(a_row(5, "failed", best=0.1))
    best = a_progress(rows, mode=mode).best_row
    assert best is not None
    assert best.number == number


def test_unknown_status_and_mode_are_refused() -> None:
    """A misspelt status would be counted nowhere, and a misspelt mode would show the worst trial as the best."""
    with pytest.raises(ValueError, match="trial 3: status 'prunned' is none of waiting, running"):
        a_row(status="prunned")
    with pytest.raises(ValueError, match="neither 'min' nor 'max'"):
        a_progress([], mode="maximize")


def test_of_many_trials_the_running_best_and_newest_are_shown() -> None:
    """With 12 lines for 300 trials: two running, the best five, the five newest ended."""
    rows = [a_row(number, "pruned", best=1 - number / 1000) for number in range(298)] + [a_row(298), a_row(299)]
    chosen = [row.number for row in select_rows(a_progress(rows), 12)]
    assert chosen == [0, 1, 2, 3, 4, 293, 294, 295, 296, 297, 298, 299]


def test_the_best_trial_is_shown_beside_more_running_ones_than_fit() -> None:
    """64 slots on a small terminal must not hide it."""
    rows = [a_row(0, "completed", best=0.9), *(a_row(number) for number in range(1, 65))]
    assert [row.number for row in select_rows(a_progress(rows), 4)] == [0, 1, 2, 3]
