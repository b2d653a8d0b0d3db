"""The statuses of trials and the ways a session ends: the lists that records, schedulers, displays and reports read."""

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


class SessionEnd(StrEnum):
    """How a session, from `tune` or `resume` to the end of the command, ended."""

    DONE = "done"  # every trial of the budget has ended
    TIME_BUDGET = "time_budget"  # `budget.time` is spent
    INTERRUPTED = "interrupted"  # Ctrl-C or SIGTERM
    STORAGE_LOST = "storage_lost"  # nothing can be written any more
    ALL_FAILED = "all_failed"  # the first `budget.max_failures` trials all failed
