"""Snapshots of a search: the best trial, the rows to show, and where trials are between two evaluations."""

import math

import pytest

from tests.tuning.display.snapshots import a_progress, a_row
from trainables.training.reports import StepProgress
from tuning.display.progress import position_text, select_rows, speed_facts


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


def steps(epoch: float, **changes: float) -> StepProgress:
    """Steps of a trial of 100 steps per epoch, which makes 2.5 a second."""
    return StepProgress(step=int(100 * epoch), epoch=epoch, **{"timed_steps": 10, "training_seconds": 4.0, **changes})


def test_a_trial_is_shown_between_two_evaluations() -> None:
    """Its epochs have three digits and are rounded down, so that none is shown before it is reached."""
    reached = [0.004, 0.996, 1.436, 9.999, 12.46]
    rows = [a_row(max_epochs=20, steps=steps(epoch)) for epoch in reached]
    assert [position_text(row) for row in rows] == ["0.00/20", "0.99/20", "1.43/20", "9.99/20", "12.4/20"]
    assert position_text(a_row()) == "0/6"
    # Older steps than the evaluation on record.
    assert position_text(a_row(epoch=2, value=0.5, best=0.5, steps=steps(1.99))) == "2/6"


def test_the_speed_is_that_of_all_slots() -> None:
    """A trial that evaluates makes no steps; nothing is shown before a step was timed."""
    evaluating = steps(1.0, evaluated=0.5)
    assert speed_facts(a_progress([a_row(0, steps=steps(1.5)), a_row(1, steps=steps(0.5))])) == ["5 steps/s"]
    rows = [a_row(0, steps=steps(1.5)), a_row(1, steps=evaluating)]
    assert speed_facts(a_progress(rows)) == ["2.5 steps/s, 1 evaluating"]
    assert speed_facts(a_progress(rows[1:])) == ["1 evaluating"]
    first = steps(0.01, timed_steps=0, training_seconds=0.0)
    assert speed_facts(a_progress([a_row(steps=first), a_row()])) == []
