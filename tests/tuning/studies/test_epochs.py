"""How many epochs trials train, and where they are evaluated and compared."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from foundation.errors import UserError
from search_spaces.draft import from_dict
from search_spaces.parsing import parse_range_option
from search_spaces.schema import Space
from trainables.training.evaluation_schedule import EvaluationSchedule
from tuning.studies.epochs import check_evaluations, check_warmup, longest_epochs, rungs, steps_as_epochs, trial_epochs


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


def in_steps(batch: int = 10, **fixed: float) -> Space:
    """A space with numbers of steps; 100 rows are ten steps of ten rows."""
    fields = {"num_train_epochs": 3, "per_device_train_batch_size": batch, **fixed}
    return from_dict({"metric": "loss", "mode": "min", "fixed": fields}, "test")


@pytest.mark.parametrize(
    ("fixed", "epochs", "every", "grace"),
    [
        ({"max_steps": 25}, 2.5, 1, 1),
        ({"max_steps": 25, "gradient_accumulation_steps": 2}, 5, 1, 1),
        ({"eval_steps": 4}, 3, 0.4, 1.2),  # ASHA first compares after the third evaluation
        ({"eval_steps": 0.5, "max_steps": 20}, 2, 1, 1),  # a share of all steps
        ({"max_steps": 5}, 0.5, 0.5, 0.5),  # shorter than an epoch: evaluated at its end
        ({"max_steps": 5, "eval_steps": 3}, 0.5, 0.3, 0.5),
        ({"num_train_epochs": 1, "eval_steps": 6}, 1, 0.6, 1),
        ({}, 3, 1, 1),
    ],
)
def test_steps_become_epochs(fixed: dict[str, float], epochs: float, every: float, grace: float) -> None:
    """Trials are compared by epochs; what results is accepted, and said."""
    lines: list[str] = []
    result = steps_as_epochs(in_steps(**fixed), 100, lines.append)
    assert (result.fixed["num_train_epochs"], result.eval_every, result.scheduler.grace) == (epochs, every, grace)
    assert not {"max_steps", "eval_steps"} & result.fixed.keys()
    assert len(lines) == len({"max_steps", "eval_steps"} & fixed.keys())
    check_evaluations(result)
    assert from_dict(result.to_dict(), "study.yaml") == result  # it is accepted by `resume` too


@pytest.mark.parametrize("rows", [97, 1001, 150_000])
@pytest.mark.parametrize("steps", [1, 7, 100])
def test_trials_end_and_are_evaluated_at_these_steps(rows: int, steps: int) -> None:
    """Not at a neighbouring step, where a number of epochs is not exact."""
    space = steps_as_epochs(in_steps(32, max_steps=3 * steps, eval_steps=steps), rows, lambda line: None)
    schedule = EvaluationSchedule(space.eval_every, space.fixed["num_train_epochs"])
    schedule.plan(math.ceil(rows / 32))
    assert [step for step in range(1, 3 * steps + 2) if schedule.is_due(step)] == [steps, 2 * steps, 3 * steps]


@pytest.mark.parametrize(("fixed", "steps"), [({"eval_steps": 31}, 30), ({"eval_steps": 500, "max_steps": 20}, 20)])
def test_more_steps_per_evaluation_than_steps_are_refused(fixed: dict[str, float], steps: int) -> None:
    """In the words of the user: `eval_every`, which would be replaced again, is no advice."""
    with pytest.raises(UserError, match=f"but trials train {steps} steps") as caught:
        steps_as_epochs(in_steps(**fixed), 100, lambda line: None)
    assert "eval_every" not in str(caught.value)
    steps_as_epochs(in_steps(**{**fixed, "eval_steps": 0.1}), 100, lambda line: None)  # what the message proposes


@pytest.mark.parametrize("name", ["per_device_train_batch_size", "max_steps", "num_train_epochs"])
def test_steps_of_different_lengths_are_refused(name: str) -> None:
    """An epoch of one trial would have more steps than that of another."""
    content = {"metric": "loss", "mode": "min", "fixed": {"max_steps": 5}, "search": {name: {"int": [4, 8]}}}
    content["fixed"] = {} if name == "max_steps" else {"max_steps": 5}
    with pytest.raises(UserError, match=f"with a search of {name}"):
        steps_as_epochs(from_dict(content, "test"), 100, lambda line: None)


@pytest.mark.parametrize(
    ("fixed", "searched", "problem"),
    [
        ({"warmup_steps": 75}, (), "75, and the longest trial has 75 steps"),
        ({"warmup_steps": 74}, (), ""),
        ({}, ("warmup_steps=int:10:400",), "400, and the longest trial has 75 steps"),
        ({"warmup_steps": 21, "gradient_accumulation_steps": 4}, (), "21, and the longest trial has 21 steps"),
        ({"warmup_steps": 149}, ("per_device_train_batch_size=choice:4,8",), ""),
        (
            {"warmup_steps": 150},
            ("per_device_train_batch_size=choice:4,8",),
            "150, and the longest trial has 150 steps",
        ),
    ],
)
def test_more_warm_up_than_steps_is_refused(fixed: dict[str, int], searched: tuple[str, ...], problem: str) -> None:
    """In the longest trial, of the smallest batches, the learning rate would never reach its value."""
    search = dict(map(parse_range_option, searched))
    space = replace(Space(), fixed={"num_train_epochs": 3, **fixed}, search=search)
    if not problem:
        check_warmup(space, 200)
        return
    with pytest.raises(UserError, match=f"warmup_steps is {problem}"):
        check_warmup(space, 200)


def test_a_warm_up_may_be_a_share_of_the_steps() -> None:
    """As transformers reads numbers below 1."""
    check_warmup(replace(Space(), fixed={"warmup_steps": 0.9}), 8)
