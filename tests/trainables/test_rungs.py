"""Rungs: evaluations fall where their epochs are reached."""

import pytest
from transformers import TrainerControl, TrainerState

from trainables.rungs import Rungs


@pytest.mark.parametrize(
    ("every", "until", "per_epoch", "expected"),
    [
        (1.0, 3.0, 10, {10: 1.0, 20: 2.0, 30: 3.0}),
        (0.5, 1.0, 3, {2: 0.5, 3: 1.0}),  # half of three steps is reached at the second
        (2.0, 3.0, 4, {8: 2.0, 12: 3.0}),  # the end is always a rung
        (1.0, 0.5, 4, {2: 0.5}),  # a trial shorter than the distance between rungs
    ],
)
def test_rungs_are_laid_in_epochs(every: float, until: float, per_epoch: int, expected: dict[int, float]) -> None:
    """Evaluations fall on the first step at which their epoch is reached."""
    rungs = Rungs(every, until)
    rungs.plan(per_epoch)
    asked = {}
    for step in range(1, max(expected) + 1):
        state, control = TrainerState(global_step=step), TrainerControl()
        if rungs.on_step_end(None, state, control).should_evaluate:
            asked[step] = rungs.epoch_at(step)
    assert asked == expected
    assert [rungs.is_last(step) for step in asked] == [step == max(expected) for step in asked]
