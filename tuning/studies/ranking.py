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


def rank_trials(trials: Iterable[T], value: Callable[[T], float | None], mode: str) -> list[T]:
    """Returns the trials that have a finite value, best first; of equal trials the earlier comes first.

    Failed trials are left out: they have no model.

    Args:
        value: The best value of a trial; None if it has no result.
        mode: "max" or "min".
    """
    sign = -1.0 if mode == Direction.MAX else 1.0
    usable = [(value(trial), trial) for trial in trials if trial.status != TrialStatus.FAILED]
    keyed = [(sign * best, trial.number, trial) for best, trial in usable if best is not None and math.isfinite(best)]
    return [trial for *_, trial in sorted(keyed, key=lambda entry: entry[:2])]
