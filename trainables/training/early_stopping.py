"""Early stopping: when a trial ends by itself because its evaluations no longer improve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.choices import Direction
from trainables.tasks.metric import is_better


@dataclass(frozen=True)
class EarlyStopping:
    """Ends a trial after `patience` evaluations without improvement.

    Args:
        patience: None to never stop.
        threshold: an improvement is a value that is better than all before it by more than this.
        mode: "max" or "min".
    """

    patience: int | None
    threshold: float
    mode: str

    def should_stop(self, values: Mapping[float, float]) -> bool:
        """Decides after the evaluations `values` (epoch -> value)."""
        if self.patience is None:
            return False
        return evaluations_without_improvement(values, self.mode, self.threshold) >= self.patience


def evaluations_without_improvement(values: Mapping[float, float], mode: str, threshold: float) -> int:
    """Returns the number of evaluations since the last one that improved on all before it by more than `threshold`."""
    margin = threshold if mode == Direction.MAX else -threshold
    best: float | None = None
    count = 0
    for _, value in sorted(values.items()):
        if best is None or is_better(value, best + margin, mode):
            best, count = value, 0
        else:
            count += 1
    return count
