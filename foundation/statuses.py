"""The status of a trial: the one list that records, schedulers, displays and reports read."""

from __future__ import annotations

from enum import StrEnum


class TrialStatus(StrEnum):
    """The status of a trial, as its record stores it."""

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"


#: The statuses of a trial that has ended, in the order in which they are shown.
ENDED = (TrialStatus.COMPLETED, TrialStatus.PRUNED, TrialStatus.FAILED)
