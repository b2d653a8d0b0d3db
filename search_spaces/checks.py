"""Checks between keys of a search space: conditions, epochs, data, metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from foundation.errors import UserError, nearest
from search_spaces.choices import SamplerName, SchedulerName
from search_spaces.ranges import MAX_LISTED, Choice, Range, as_tuple, configurations, continuous
from search_spaces.schema import READERS, Space
from search_spaces.values import Scalar, as_number


def parents_first(search: Mapping[str, Range]) -> list[str]:
    """Sorts searched names so that each follows the names in its condition; omits names in circular conditions."""
    ordered: list[str] = []
    remaining = list(search)
    while ready := [name for name in remaining if not (set(search[name].when or {}) & set(remaining))]:
        ordered.append(ready[0])
        remaining.remove(ready[0])
    return ordered


def condition_problems(
    search: Mapping[str, Range], broken: Collection[str], origin: Mapping[str, str]
) -> list[UserError]:
    """Reports conditions on parameters that are not searched or never have the value, and circular conditions.

    Args:
        broken: Parameters with an invalid range, which has its own problem.
    """
    problems: list[UserError] = []
    for name, searched in search.items():
        for parent, values in (searched.when or {}).items():
            place = f"{origin[name]}: search.{name}.when"
            if parent in search:
                problems += _impossible(search[parent], parent, as_tuple(values), place)
            elif parent not in broken:
                others = [other for other in search if other != name]
                todo = nearest(parent, others) or f"search {parent} too, or remove the condition"
                problems.append(UserError(f"{place}: {parent!r} is not searched", ", ".join(others) or "nothing", todo))
    stuck = sorted(set(search) - set(parents_first(search)))
    if stuck:
        problem = f"{origin[stuck[0]]}: the conditions of {', '.join(stuck)} form a circle"
        problems.append(UserError(problem, "conditions that end at a parameter without one", "remove one `when`"))
    return problems


def _impossible(parent: Range, name: str, values: tuple[Scalar, ...], place: str) -> list[UserError]:
    options = [str(option) for option in parent.options] if isinstance(parent, Choice) else []
    return [
        UserError(
            f"{place}: {name} is never {value!r}",
            parent.describe(),
            nearest(str(value), options) or f"use a value that {name} can have",
        )
        for value in values
        if not parent.contains(value)
    ]


def space_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """Reports keys that contradict each other, whatever the task is."""
    return [*epoch_problems(space, origin), *grid_problems(space, origin), *data_problems(space, origin)]


def grid_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """Reports a grid whose configurations cannot be listed."""
    if space.sampler.name is not SamplerName.GRID or configurations(space.search) is not None:
        return []
    where = f"{origin['sampler.name']}: sampler.name is grid, but"
    if names := continuous(space.search):
        todo = f"--range {names[0]}=choice:A,B,C with the values that you want, or --set sampler.name=tpe"
        allowed = "whole numbers and choices"
        return [UserError(f"{where} {', '.join(names)} can have infinitely many values", allowed, todo)]
    todo = "use fewer values, or --set sampler.name=random"
    return [UserError(f"{where} the ranges have too many configurations", f"at most {MAX_LISTED:,}", todo)]


def epoch_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """Reports a grace period longer than the training, with which ASHA could not stop any trial."""
    key, most = "scheduler.max", space.scheduler.max
    if most is None:
        key, most = "num_train_epochs", as_number(space.fixed.get("num_train_epochs"))
    grace = space.scheduler.grace
    if space.scheduler.name != SchedulerName.ASHA or most is None or grace <= most or most <= 0:
        return []  # an impossible number of epochs is refused where values are checked
    source = origin.get("scheduler.grace", "the default")
    problem = f"{origin[key]}: {key} is {most:g}, but scheduler.grace is {grace:g} epochs ({source})"
    return [UserError(problem, f"a grace of at most {most:g} epochs", f"lower scheduler.grace or raise {key}")]


def word_problems(
    values: Mapping[str, Any], words: Mapping[str, Collection[str]], origin: Mapping[str, str]
) -> list[UserError]:
    """Reports values of keys whose values are defined elsewhere.

    Args:
        words: Key -> its allowed values.
    """
    return [
        UserError(
            f"{origin[key]}: {key} {values[key]!r} is unknown",
            ", ".join(allowed),
            nearest(values[key], allowed) or "choose one of them",
        )
        for key, allowed in words.items()
        if key in values and values[key] not in allowed
    ]


def data_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """Reports files of the user together with the embedded data."""
    data = space.data
    paths = {"data.train": data.train, "data.dev": data.dev, "data.test": data.test}
    files = [key for key, path in paths.items() if path is not None]
    if not (data.embedded and files):
        return []
    problem = f"{origin[files[0]]}: {' and '.join(files)} together with the embedded data"
    return [UserError(problem, "files of your own, or data.embedded: true", "remove one of the two")]


class Objective(NamedTuple):
    """A metric that a search can optimise.

    Args:
        direction: `max` or `min`.
        requires: the key of a search space without which no evaluation has the metric; empty if every one has it.
    """

    direction: str
    requires: str = ""


def objective_problems(space: Space, metrics: Mapping[str, Objective], where: str) -> list[UserError]:
    """Reports a metric that is unknown, or that no evaluation of this space has.

    Args:
        metrics: Those of the task. Those that the space cannot use are listed with the key that they require.
        where: What set the metric, for messages.
    """
    by_key: dict[str, list[str]] = {"": []}
    for name, objective in sorted(metrics.items()):
        is_set = not objective.requires or bool(getattr(space, objective.requires))
        by_key.setdefault("" if is_set else objective.requires, []).append(name)
    usable = by_key.pop("")
    if space.metric in usable:
        return []
    others = [f"with {key}: {', '.join(names)}" for key, names in sorted(by_key.items())]
    allowed = "; ".join([", ".join(usable), *others])
    if space.metric not in metrics:
        todo = nearest(str(space.metric), metrics) or "choose one of them"
        return [UserError(f"{where}: metric is {space.metric!r}", allowed, todo)]
    key = metrics[str(space.metric)].requires
    todo = f"--set {key}={READERS[key].example.strip(chr(34))}, or choose another metric"
    return [UserError(f"{where}: metric is {space.metric!r}, which needs {key}", allowed, todo)]


def metric_problems(space: Space, metrics: Mapping[str, Objective], origin: Mapping[str, str]) -> list[UserError]:
    """Reports a metric that the space cannot use, or a direction that is not the metric's."""
    if problems := objective_problems(space, metrics, origin.get("metric", "the default")):
        return problems
    direction = metrics[str(space.metric)].direction
    if space.mode in (None, direction):
        return []
    problem = f"{origin['mode']}: mode is {space.mode}, but the best {space.metric} is the {direction}imum"
    return [UserError(problem, f"{direction}, or null", "remove mode, or choose another metric")]
