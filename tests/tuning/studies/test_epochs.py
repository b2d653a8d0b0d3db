"""How many epochs trials train, and where they are evaluated and compared."""

from __future__ import annotations

from typing import Any

import pytest

from foundation.errors import UserError
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tuning.studies.epochs import check_evaluations, longest_epochs, rungs, trial_epochs


def space(epochs: float, every: float = 1.0, **scheduler: Any) -> Space:
    """A space whose trials train `epochs` and are evaluated every `every` epochs."""
    return from_dict({"fixed": {"num_train_epochs": epochs}, "eval_every": every, "scheduler": scheduler}, "test")


def test_rungs_are_powers_of_the_reduction_factor() -> None:
    """From the grace period up to the end of the longest trial, where every trial is evaluated anyway."""
    assert rungs(space(10)) == [1, 3, 9]
    assert rungs(space(9)) == [1, 3]
    assert rungs(space(10, grace=2, reduction_factor=2)) == [2, 4, 8]
    assert rungs(space(10, max=4)) == [1, 3]
    assert rungs(space(10, name="median")) == []


@pytest.mark.parametrize(
    ("space", "config", "of_trial", "longest"),
    [
        ({}, {}, 3.0, 3.0),  # the default of TrainingArguments
        ({"fixed": {"num_train_epochs": 5}}, {"num_train_epochs": 5}, 5.0, 5.0),
        ({"search": {"num_train_epochs": {"int": [1, 8]}}}, {"num_train_epochs": 2}, 2.0, 8.0),
        ({"search": {"num_train_epochs": {"choice": [2, 6, 4]}}}, {"num_train_epochs": 4}, 4.0, 6.0),
        ({"fixed": {"num_train_epochs": 5}, "scheduler": {"max": 2}}, {"num_train_epochs": 5}, 2.0, 2.0),
        ({"search": {"num_train_epochs": {"int": [1, 8]}}, "scheduler": {"max": 4}}, {"num_train_epochs": 7}, 4.0, 4.0),
    ],
)
def test_epochs_come_from_the_configuration_and_are_limited_by_the_scheduler(
    space: dict[str, object], config: dict[str, object], of_trial: float, longest: float
) -> None:
    """The longest trial has the largest searched value."""
    resolved = from_dict({"mode": "max", "metric": "rouge_sum", **space}, "test")
    assert trial_epochs(resolved, config) == of_trial
    assert longest_epochs(resolved) == longest


@pytest.mark.parametrize(
    "good",
    [
        space(10),
        space(10, every=0.5),
        space(10, every=0.1, grace=0.3),  # 3 * 0.1 is not exactly 0.3
        space(10, every=1 / 3),
        space(10, every=2, grace=2),
        space(3, every=3, grace=3),
        space(9, every=2, name="none"),
        space(2.5, every=0.5, reduction_factor=2.5),
        space(3, every=2, max=2, grace=2),
    ],
)
def test_evaluations_at_every_rung_are_accepted(good: Space) -> None:
    """A multiple of `eval_every` is evaluated, and the end of a trial always is."""
    check_evaluations(good)


@pytest.mark.parametrize(
    ("bad", "problem", "todo"),
    [
        (space(9, every=2), "no evaluation at epoch 1, 3,", "--set eval_every=1, or --set scheduler.grace=2"),
        (space(9, every=0.3), "no evaluation at epoch 1,", "--set eval_every=0.25, or --set scheduler.grace=1.2"),
        (
            space(30, every=2, grace=3, reduction_factor=2),
            "at epoch 3,",
            "--set eval_every=1.5, or --set scheduler.grace=4",
        ),
        (space(9, every=1, reduction_factor=2.5), "at epoch 2.5, 6.25,", "--set scheduler.reduction_factor=2, or"),
        (space(3, every=5, name="none"), "eval_every is 5, but trials train 3 epochs", "--set eval_every=3"),
        (space(8, every=5, max=4, grace=4), "eval_every is 5, but trials train 4 epochs", "--set eval_every=4"),
    ],
)
def test_evaluations_that_skip_a_rung_are_refused(bad: Space, problem: str, todo: str) -> None:
    """ASHA would stop trials at an epoch that is no rung. What the message proposes is accepted."""
    with pytest.raises(UserError) as caught:
        check_evaluations(bad)
    assert problem in caught.value.problem
    assert caught.value.todo.startswith(todo)
