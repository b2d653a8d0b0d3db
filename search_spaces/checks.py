"""What must hold between the keys of a search space: conditions, epochs, data, metric."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from foundation.errors import UserError, nearest
from search_spaces.choices import SchedulerName
from search_spaces.ranges import Choice, Range, listed
from search_spaces.schema import Space
from search_spaces.values import Scalar, as_number


def parents_first(search: Mapping[str, Range]) -> list[str]:
    """The searched names, each after those its condition names; names in a circle of conditions are left out."""
    placed: list[str] = []
    waiting = list(search)
    while ready := [name for name in waiting if not (set(search[name].when or {}) & set(waiting))]:
        placed.append(ready[0])
        waiting.remove(ready[0])
    return placed


def condition_problems(
    search: Mapping[str, Range], broken: Collection[str], origin: Mapping[str, str]
) -> list[UserError]:
    """Conditions on what is not searched or never so, or in a circle; `broken` parents are reported elsewhere."""
    problems: list[UserError] = []
    for name, found in search.items():
        for parent, wanted in (found.when or {}).items():
            place = f"{origin[name]}: search.{name}.when"
            if parent in search:
                problems += _never(search[parent], parent, listed(wanted), place)
            elif parent not in broken:
                others = [other for other in search if other != name]
                todo = nearest(parent, others) or f"search {parent} as well, or take the condition out"
                problems.append(UserError(f"{place}: {parent!r} is not searched", ", ".join(others) or "nothing", todo))
    stuck = sorted(set(search) - set(parents_first(search)))
    if stuck:
        given = f"{origin[stuck[0]]}: the conditions of {', '.join(stuck)} form a circle"
        problems.append(UserError(given, "conditions that lead to a parameter without one", "take out one `when`"))
    return problems


def _never(parent: Range, name: str, wanted: tuple[Scalar, ...], place: str) -> list[UserError]:
    options = [str(option) for option in parent.options] if isinstance(parent, Choice) else []
    return [
        UserError(
            f"{place}: {name} is never {value!r}",
            parent.describe(),
            nearest(str(value), options) or f"name a value that {name} can have",
        )
        for value in wanted
        if not parent.contains(value)
    ]


def epoch_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """A grace period longer than the training, in which ASHA could stop nothing."""
    named, most = "scheduler.max", space.scheduler.max
    if most is None:
        named, most = "num_train_epochs", as_number(space.fixed.get("num_train_epochs"))
    grace = space.scheduler.grace
    if space.scheduler.name != SchedulerName.ASHA or most is None or grace <= most or most <= 0:
        return []  # where values are checked, an impossible number of epochs is refused
    by = origin.get("scheduler.grace", "the default")
    given = f"{origin[named]}: {named} is {most:g}, but scheduler.grace is {grace:g} epochs ({by})"
    return [UserError(given, f"a grace of at most {most:g} epochs", f"lower scheduler.grace or raise {named}")]


def data_problems(space: Space, origin: Mapping[str, str]) -> list[UserError]:
    """The user's files beside the embedded data."""
    data = space.data
    given = {"data.train": data.train, "data.dev": data.dev, "data.test": data.test}
    files = [key for key, path in given.items() if path is not None]
    if not (data.embedded and files):
        return []
    said = f"{origin[files[0]]}: {' and '.join(files)} beside the embedded data"
    return [UserError(said, "files of your own, or data.embedded: true", "take one of the two out")]


def metric_problems(space: Space, metrics: Mapping[str, str], origin: Mapping[str, str]) -> list[UserError]:
    """A metric nobody computes, or a direction that is not its own."""
    where = origin.get("metric", "the default")
    if space.metric not in metrics:
        todo = nearest(str(space.metric), metrics) or "name one of them"
        return [UserError(f"{where}: metric is {space.metric!r}", ", ".join(sorted(metrics)), todo)]
    extra = metrics[str(space.metric)]
    if space.mode in (None, extra):
        return []
    given = f"{origin['mode']}: mode is {space.mode}, but the best {space.metric} is the {extra}imum"
    return [UserError(given, f"{extra}, or null", "take mode out, or name another metric")]
