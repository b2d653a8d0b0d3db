"""What a trial and its scheduler exchange: reports, decisions, and the exceptions that end a trial early."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from foundation.durable import StorageLost
from foundation.secrets import redact


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The result of one evaluation on the dev rows.

    Args:
        step: optimizer step of the evaluation.
        seconds: since the trial started in this process.
        last: whether the trial ends after this evaluation, whatever the decision.
    """

    epoch: float
    step: int
    metrics: dict[str, float]
    seconds: float
    last: bool


class Decision(enum.Enum):
    """The scheduler's answer to a report."""

    CONTINUE = "continue"
    STOP = "stop"  # the trial is pruned
    # The search ends before it decided, or the scheduler pauses the trial: save it; its evaluation is repeated later.
    INTERRUPT = "interrupt"


class Reporter(Protocol):
    """Passes reports of a trial to its scheduler."""

    def report(self, report: Report) -> Decision:
        """Sends one report and returns the decision on it. Called on rank 0 only."""


class TrialFailed(Exception):
    """The trial gave no usable result, for a reason of its own; its slot can train the next trial."""


def failure_reason(error: BaseException) -> str:
    """Returns one line that says why a trial failed, without keys and tokens."""
    first = (str(error).strip().splitlines() or [""])[0]
    is_explained = isinstance(error, TrialFailed | StorageLost)  # for others the name of the exception comes first
    return redact(first if is_explained else f"{type(error).__name__}: {first}")


class Interrupted(Exception):
    """The search ends: the trial is saved and can be resumed."""
