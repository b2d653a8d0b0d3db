"""A snapshot of a search: its trials, their steps, the best one, and short texts for each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.formatting import one_line, score_text, short_epoch, short_number
from foundation.statuses import ENDED, TrialStatus
from search_spaces.choices import Direction
from trainables.training.reports import StepProgress
from tuning.display.time_left import TimeLeft
from tuning.studies.ranking import rank_trials
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

#: The status of a trial that has no record yet.
WAITING = "waiting"
STATUSES = (WAITING, TrialStatus.RUNNING, *ENDED)

_BEST_SHOWN = 5


@dataclass(frozen=True)
class TrialRow:
    """One trial in a snapshot.

    Args:
        status: One of `STATUSES`.
        epoch: The last evaluated epoch; None before the first evaluation, as are `value` and `best`.
        value: The newest score.
        best: The best score of the trial.
        resumed: Whether the trial was resumed from a checkpoint of an earlier session.
        loss: The loss where the trial had its best score.
        steps: The newest steps of a trial that runs in this session.

    Raises:
        ValueError: An unknown status.
    """

    number: int
    status: str
    epoch: float | None
    max_epochs: float
    value: float | None
    best: float | None
    parameters: Mapping[str, Any]
    note: str = ""
    is_default: bool = False
    default_name: str = "recipe default"
    resumed: bool = False
    loss: float | None = None
    steps: StepProgress | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"trial {self.number}: status {self.status!r} is none of {', '.join(STATUSES)}")

    @property
    def has_ended(self) -> bool:
        """Whether the trial has ended."""
        return self.status in ENDED

    @property
    def remark(self) -> str:
        """The note in one line, after other marks of the trial."""
        marks = [(self.default_name, self.is_default), ("resumed", self.resumed)]
        note = one_line(self.note)
        return "; ".join([name for name, is_set in marks if is_set] + ([note] if note else []))


def trial_row(study: Study, record: TrialRecord, steps: StepProgress | None = None) -> TrialRow:
    """Returns the row of a trial, from its record and its newest steps."""
    last = record.results[-1] if record.results else None
    return TrialRow(
        number=record.number,
        status=record.status,
        epoch=last.epoch if last else None,
        max_epochs=record.max_epochs,
        value=last.metrics[study.metric] if last else None,
        best=record.best_value(study.metric, study.mode),
        parameters=record.parameters,
        note="stopped early: no improvement within its patience" if record.stopped_early else record.reason,
        is_default=record.is_default,
        default_name=study.space.default_name,
        resumed=record.sessions > 1,
        loss=record.best_loss(study.metric, study.mode),
        steps=steps if record.status is TrialStatus.RUNNING else None,
    )


@dataclass(frozen=True)
class Progress:
    """A snapshot of a whole search.

    Args:
        metric: The metric with its tokenizer, as `metric_label` returns it.
        mode: "max" or "min".
        rows: The trials of all sessions.
        slots: Number of slots that run at once.
        elapsed_seconds: Time of all sessions.
        workers_note: The plan of slots, and the devices they use.
        earlier_seconds: Time of earlier sessions.
        changed: The rows that changed since the last snapshot; None if unknown.
        time_left: None before it can be estimated.

    Raises:
        ValueError: An unknown mode.
    """

    study: str
    metric: str
    mode: str
    rows: Sequence[TrialRow]
    total_trials: int
    slots: int
    elapsed_seconds: float
    time_budget_seconds: float | None
    workers_note: str
    earlier_seconds: float = 0.0
    changed: Sequence[TrialRow] | None = None
    time_left: TimeLeft | None = None

    def __post_init__(self) -> None:
        if self.mode not in tuple(Direction):
            raise ValueError(f"study {self.study}: mode {self.mode!r} is neither 'min' nor 'max'")

    @property
    def counts(self) -> Mapping[str, int]:
        """Status -> number of rows; 0 for a status without rows."""
        return Counter(row.status for row in self.rows)

    @property
    def done(self) -> int:
        """How many trials have ended."""
        return sum(row.has_ended for row in self.rows)

    @property
    def ranked(self) -> list[TrialRow]:
        """The trials that have a value, best first; see `rank_trials`."""
        return rank_trials(self.rows, lambda row: row.best, self.mode, lambda row: row.loss)

    @property
    def best_row(self) -> TrialRow | None:
        """The trial with the best value so far, running ones included."""
        return next(iter(self.ranked), None)

    @property
    def default_row(self) -> TrialRow | None:
        """The recipe default, once it has a value."""
        return next((row for row in self.rows if row.is_default and row.best is not None), None)


def select_rows(progress: Progress, room: int) -> list[TrialRow]:
    """Returns the rows to show in `room` lines, by trial number.

    In order of importance: the best trial, the running ones, the rest of the best five, the newest ended ones (by
    number), the waiting ones.
    """
    by_number = sorted(progress.rows, key=lambda row: row.number)
    best = progress.ranked[:_BEST_SHOWN]
    running = [row for row in by_number if row.status == TrialStatus.RUNNING]
    ended = [row for row in reversed(by_number) if row.has_ended]
    waiting = [row for row in by_number if row.status == WAITING]
    by_importance = {row.number: row for row in [*best[:1], *running, *best[1:], *ended, *waiting]}
    return sorted(list(by_importance.values())[: max(1, room)], key=lambda row: row.number)


def count_facts(progress: Progress) -> list[str]:
    """Returns how many trials have ended, and how many have each status."""
    counts = progress.counts
    return [f"{progress.done}/{progress.total_trials} done"] + [
        f"{counts[status]} {status}" for status in (*ENDED, TrialStatus.RUNNING)
    ]


def best_facts(progress: Progress) -> list[str]:
    """Returns the best score and its difference to the recipe default's; nothing before the first score."""
    best, default = progress.best_row, progress.default_row
    if best is None or best.best is None:
        return []
    text = f"best {progress.metric} {score_text(best.best)}"
    if best.is_default:
        return [f"{text} (trial {best.number}, the {best.default_name})"]
    text = f"{text} (trial {best.number})"
    if default is None or default.best is None:
        return [text]
    sign = "+" if best.best >= default.best else "-"
    return [
        text,
        f"{default.default_name} {score_text(default.best)} ({sign}{score_text(abs(best.best - default.best))})",
    ]


def epoch_text(row: TrialRow) -> str:
    """Returns the epochs of a trial, as in 2/5."""
    return "–" if row.status == WAITING else f"{short_epoch(row.epoch)}/{short_epoch(row.max_epochs)}"


def position_text(row: TrialRow) -> str:
    """Returns where a trial is, also between two evaluations: 1.43/5."""
    if row.steps is None or row.steps.epoch <= (row.epoch or 0.0):
        return epoch_text(row)
    return f"{exact_epoch(row.steps.epoch)}/{short_epoch(row.max_epochs)}"


def exact_epoch(epoch: float) -> str:
    """Formats an epoch within which a trial is with three digits, rounded down: 0.05, 1.43, 12.4."""
    digits = 2 if epoch < 10 else 1
    return f"{math.floor(epoch * 10**digits + 1e-6) / 10**digits:.{digits}f}"


def speed_facts(progress: Progress) -> list[str]:
    """Returns the steps per second of all slots, and how many of them evaluate."""
    steps = [row.steps for row in progress.rows if row.steps is not None]
    evaluating = sum(each.evaluated is not None for each in steps)
    speeds = [each.steps_per_second or 0.0 for each in steps if each.evaluated is None]
    facts = [f"{short_number(sum(speeds))} steps/s"] if any(speeds) else []
    return [", ".join([*facts, f"{evaluating} evaluating"] if evaluating else facts)] if facts or evaluating else []
