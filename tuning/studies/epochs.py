"""How many epochs the trials of a space train, and at which epochs they are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count, takewhile
from typing import Any

from foundation.errors import UserError
from search_spaces.choices import SchedulerName
from search_spaces.ranges import ends
from search_spaces.schema import Space

#: The number of epochs of `TrainingArguments`, for a space that does not set it.
_DEFAULT_EPOCHS = 3.0

#: Parameters in optimizer steps that become epochs.
_STEPS = ("max_steps", "eval_steps")

#: Each evaluation is one result in the record of its trial.
_MOST_EVALUATIONS = 10_000

#: Epochs of evaluations are rounded to six digits.
_SAME_EPOCH = 1e-6


def trial_epochs(space: Space, config: Mapping[str, Any]) -> float:
    """Returns the epochs of one trial: those of its configuration, at most the scheduler's maximum."""
    return _limited(space, float(config.get("num_train_epochs", _DEFAULT_EPOCHS)))


def longest_epochs(space: Space) -> float:
    """Returns the epochs of the longest possible trial of the space, where the last rung of ASHA can be."""
    return _limited(space, _largest(space, "num_train_epochs", _DEFAULT_EPOCHS))


def _limited(space: Space, epochs: float) -> float:
    limit = space.scheduler.max
    return min(epochs, float(limit)) if limit else epochs


def steps_as_epochs(space: Space, rows: int, say: Callable[[str], None]) -> Space:
    """Returns the space with `max_steps` and `eval_steps` as epochs, in which trials are compared.

    `max_steps` replaces `num_train_epochs`, and `eval_steps`, below 1 a share of all steps, replaces `eval_every`. The
    grace of ASHA is raised to the next evaluation. Training that ends before its first evaluation is evaluated at its
    end.

    Args:
        rows: The number of training rows.

    Raises:
        UserError: trials have epochs of different lengths, one of the two is searched, or trials end before the first
            evaluation of `eval_steps`.
    """
    fixed = {name: value for name, value in space.fixed.items() if name not in _STEPS}
    if len(fixed) == len(space.fixed) and not space.search.keys() & set(_STEPS):
        return space
    per_epoch = _steps_per_epoch(space, rows)
    every, grace, steps = space.eval_every, space.scheduler.grace, space.fixed.get("eval_steps")
    if "max_steps" in space.fixed:
        epochs = fixed["num_train_epochs"] = _six_digits(space.fixed["max_steps"] / per_epoch)
        end = f", eval_every {epochs:g}" if steps is None and every > epochs else ""
        say(f"max_steps {space.fixed['max_steps']}: num_train_epochs {epochs:g} of {per_epoch} steps{end}")
        every, grace = min(every, epochs), min(grace, epochs)  # a longer grace is refused when the study is read
    space = replace(space, fixed=fixed)
    if steps is not None:
        longest = longest_epochs(space)
        _check_eval_steps(steps, math.ceil(longest * per_epoch - 1e-3))
        every = _six_digits(steps * trial_epochs(space, fixed) if steps < 1 else round(steps) / per_epoch)
        grace = min(round(every * math.ceil(grace / every - 1e-9), 6), longest)
        say(f"eval_steps {steps:g}: eval_every {every:g}, scheduler.grace {grace:g}, in epochs of {per_epoch} steps")
    return replace(space, eval_every=every, scheduler=replace(space.scheduler, grace=grace))


def _check_eval_steps(steps: float, longest: int) -> None:
    if steps > longest:
        problem = f"eval_steps is {steps:g}, but trials train {longest} steps"
        raise UserError(
            problem, f"at most {longest}, or a share of all steps", "--set eval_steps=0.1, or more training"
        )


def _six_digits(epochs: float) -> float:
    """Rounds down, as epochs of evaluations have six digits: a step more would follow from a larger number."""
    return max(math.floor(epochs * 1e6 + 1e-3), 1) / 1e6


def _steps_per_epoch(space: Space, rows: int) -> int:
    names = [name for name in _STEPS if name in space.fixed or name in space.search]
    for name in (*names, "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"):
        if name in space.search and (name != "num_train_epochs" or "max_steps" in names):
            problem = f"{' and '.join(names)} with a search of {name}: trials are compared by epochs"
            todo = f"--set {name}=…, or num_train_epochs and eval_every, in epochs, instead"
            raise UserError(problem, "numbers of steps where all trials have the same", todo)
    batch = int(space.fixed.get("per_device_train_batch_size", 8)) * space.slots.workers_per_trial
    return _optimizer_steps(rows, batch, int(space.fixed.get("gradient_accumulation_steps", 1)))


def _optimizer_steps(rows: int, batch: float, accumulated: float) -> int:
    """Returns the optimizer steps of one epoch."""
    return math.ceil(math.ceil(rows / batch) / accumulated)


def check_warmup(space: Space, rows: int) -> None:
    """Checks that the learning rate reaches its value within the longest trial.

    Args:
        rows: The number of training rows.

    Raises:
        UserError: `warmup_steps` is not less than the steps of a trial.
    """
    warmup = _largest(space, "warmup_steps", 0)
    if warmup < 1:  # a share of the steps
        return
    batch = _smallest(space, "per_device_train_batch_size", 8) * space.slots.workers_per_trial
    accumulated = _smallest(space, "gradient_accumulation_steps", 1)
    steps = math.ceil(longest_epochs(space) * _optimizer_steps(rows, batch, accumulated))
    if warmup >= steps:
        problem = (
            f"warmup_steps is {warmup:g}, and the longest trial has {steps} steps: the learning rate never gets there"
        )
        raise UserError(problem, f"less than {steps}", "--set warmup_ratio=0.1, or fewer warmup_steps")


def _largest(space: Space, name: str, default: float) -> float:
    return max(_values(space, name, default))


def _smallest(space: Space, name: str, default: float) -> float:
    return min(_values(space, name, default))


def _values(space: Space, name: str, default: float) -> list[float]:
    """Returns the fixed value of a parameter, or the ends of its range or its options."""
    searched = space.search.get(name)
    if searched is None:
        return [float(space.fixed.get(name) or default)]
    return [float(end or default) for end in ends(searched)]


def rungs(space: Space) -> list[float]:
    """Returns the epochs at which ASHA compares trials, before the end of the longest; empty for other schedulers."""
    options, last = space.scheduler, longest_epochs(space)
    if options.name is not SchedulerName.ASHA:
        return []
    epochs = (options.grace * options.reduction_factor**number for number in count())
    return list(takewhile(lambda epoch: epoch < last - _SAME_EPOCH, epochs))


def check_evaluations(space: Space) -> None:
    """Checks that trials are evaluated where they are compared.

    ASHA would compare a trial without an evaluation at a rung by its next one, at an epoch that is no rung.

    Raises:
        UserError: `eval_every` is longer than the training, or skips a rung.
    """
    every, longest = space.eval_every, longest_epochs(space)
    if every > longest + _SAME_EPOCH:
        todo = f"--set eval_every={longest:g}, or raise num_train_epochs"
        raise UserError(f"eval_every is {every:g}, but trials train {longest:g} epochs", f"at most {longest:g}", todo)
    if longest / every > _MOST_EVALUATIONS:
        problem = (
            f"eval_every is {every:g}, so that a trial of {longest:g} epochs has {longest / every:,.0f} evaluations"
        )
        raise UserError(problem, f"at most {_MOST_EVALUATIONS:,}", f"--set eval_every={longest / 100:g}")
    missed = [epoch for epoch in rungs(space) if abs(round(epoch / every) * every - epoch) > _SAME_EPOCH]
    if not missed:
        return
    grace, factor = space.scheduler.grace, space.scheduler.reduction_factor
    problem = (
        f"eval_every is {every:g}, so that trials have no evaluation at epoch {_list(missed)}, where ASHA compares them"
        f" (scheduler.grace {grace:g}, reduction_factor {factor:g})"
    )
    if factor != round(factor):
        todo = f"--set scheduler.reduction_factor={max(2, round(factor))}, or --set scheduler.name=median"
        raise UserError(problem, "a whole reduction_factor, and a grace that is a multiple of eval_every", todo)
    # All rungs are multiples of the first.
    shorter, later = grace / math.ceil(grace / every - 1e-9), every * math.ceil(grace / every - 1e-9)
    todo = f"--set eval_every={shorter:.9g}, or --set scheduler.grace={later:.9g}"
    raise UserError(problem, "a grace that is a multiple of eval_every", todo)


def _list(epochs: list[float]) -> str:
    return ", ".join(f"{epoch:g}" for epoch in epochs[:3]) + (", …" if len(epochs) > 3 else "")
