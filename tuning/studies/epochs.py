"""How many epochs the trials of a space train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search_spaces.schema import Space

#: The number of epochs of `TrainingArguments`, for a space that does not set it.
_DEFAULT_EPOCHS = 3.0


def trial_epochs(space: Space, config: Mapping[str, Any]) -> float:
    """Returns the epochs of one trial: those of its configuration, at most the scheduler's maximum."""
    return _limited(space, float(config.get("num_train_epochs", _DEFAULT_EPOCHS)))


def longest_epochs(space: Space) -> float:
    """Returns the epochs of the longest possible trial of the space, where the last rung of ASHA can be."""
    searched = space.search.get("num_train_epochs")
    if searched is None:
        return trial_epochs(space, space.fixed)
    longest = getattr(searched, "high", 0) or max(getattr(searched, "options", [_DEFAULT_EPOCHS]))
    return _limited(space, float(longest))


def _limited(space: Space, epochs: float) -> float:
    limit = space.scheduler.max
    return min(epochs, float(limit)) if limit else epochs
