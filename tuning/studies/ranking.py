"""The order of trials, best first, for retention, summaries and displays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from foundation.statuses import TrialStatus
from search_spaces.choices import Direction


class _Trial(Protocol):
    @property
    def number(self) -> int: ...

    @property
    def status(self) -> str: ...


T = TypeVar("T", bound=_Trial)


def rank_trials(
    trials: Iterable[T], value: Callable[[T], float | None], mode: str, loss: Callable[[T], float | None]
) -> list[T]:
    """Returns the trials that have a finite value, best first.

    Of equal trials the one with the lower loss comes first, then the earlier one.
    Failed trials are left out: they have no model.

    Args:
        value: The best value of a trial; None if it has no result.
        mode: "max" or "min".
        loss: The loss of a trial where it had its best value; None if it is unknown.
    """
    sign = -1.0 if mode == Direction.MAX else 1.0
    usable = [(value(trial), trial) for trial in trials if trial.status != TrialStatus.FAILED]
    finite = [(sign * best, trial) for best, trial in usable if best is not None and math.isfinite(best)]
    keyed = [(best, _or_infinite(loss(trial)), trial.number, trial) for best, trial in finite]
    return [trial for *_, trial in sorted(keyed, key=lambda entry: entry[:3])]


def _or_infinite(loss: float | None) -> float:
    return loss if loss is not None and math.isfinite(loss) else math.inf
