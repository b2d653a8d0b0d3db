"""What a trial and its search exchange: reports, decisions, steps done, and the exceptions that end a trial early."""

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


class StepProgress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How far a trial has come between two reports; it comes with every heartbeat.

    Args:
        step: optimizer steps done, in all sessions of the trial.
        epoch: the same in epochs.
        timed_steps: steps of this process that were timed: all but its first, which starts devices and caches.
        training_seconds: the time of these steps, without evaluations and checkpoints.
        evaluations: evaluations that have ended in this process.
        evaluation_seconds: their time, with scoring and the checkpoint after each.
        evaluated: share of the current evaluation that is done; None while the trial trains.
        evaluated_seconds: the time of that share.
    """

    step: int
    epoch: float
    timed_steps: int = 0
    training_seconds: float = 0.0
    evaluations: int = 0
    evaluation_seconds: float = 0.0
    evaluated: float | None = None
    evaluated_seconds: float = 0.0

    @property
    def steps_per_second(self) -> float | None:
        """Optimizer steps per second of training; None before the second step of this process."""
        return self.timed_steps / self.training_seconds if self.training_seconds > 0 else None

    @property
    def seconds_per_epoch(self) -> float | None:
        """Seconds of training per epoch; None before the second step of this process."""
        if not (self.timed_steps and self.epoch):
            return None
        return self.training_seconds / self.timed_steps * self.step / self.epoch

    @property
    def seconds_per_evaluation(self) -> float | None:
        """Mean seconds of an evaluation, before the first has ended from the current one; None if none was measured."""
        if self.evaluations:
            return self.evaluation_seconds / self.evaluations
        return self.evaluated_seconds / self.evaluated if self.evaluated else None


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
