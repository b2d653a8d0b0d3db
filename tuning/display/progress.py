"""A search as one snapshot: its trials, the best of them, the time left, and each of these in few words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foundation.formatting import one_line, score_text, short_epoch
from foundation.statuses import ENDED, TrialStatus
from tuning.studies.ranking import rank_trials

#: The status of a trial that has no record yet.
WAITING = "waiting"
STATUSES = (WAITING, TrialStatus.RUNNING, *ENDED)

_BEST_SHOWN = 5


@dataclass(frozen=True)
class TrialRow:
    """One trial as it stands now.

    `value` is the newest score and `best` the trial's own best; both None before the first evaluation. `epoch` and
    `max_epochs` count epochs. `resumed` marks a trial that goes on from a checkpoint of an earlier sitting.
    Raises ValueError for a status that is not in `STATUSES`.
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
    resumed: bool = False

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"trial {self.number}: status {self.status!r} is none of {', '.join(STATUSES)}")

    @property
    def has_ended(self) -> bool:
        """True once nothing more will come from this trial."""
        return self.status in ENDED

    @property
    def remark(self) -> str:
        """The note in one line, after what else is special about the trial."""
        special = [("recipe default", self.is_default), ("resumed", self.resumed)]
        return "; ".join([name for name, holds in special if holds] + [note for note in [one_line(self.note)] if note])


@dataclass(frozen=True)
class Progress:
    """One snapshot of a whole search.

    `metric` carries its tokenizer (`metric_label`); `mode` is "max" or "min" (else ValueError).
    `elapsed_seconds` is the time searched in all sittings, as `rows` holds the trials of all sittings;
    `earlier_seconds` the part of it before this sitting. `news` are the rows that changed since the last snapshot;
    None where that is not known.
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
    news: Sequence[TrialRow] | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"study {self.study}: mode {self.mode!r} is neither 'min' nor 'max'")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many rows have each status; a status without rows counts 0."""
        return Counter(row.status for row in self.rows)

    @property
    def done(self) -> int:
        """How many trials have ended, however they ended."""
        return sum(row.has_ended for row in self.rows)

    @property
    def ranked(self) -> list[TrialRow]:
        """The trials that have a value, best first; see `rank_trials`."""
        return rank_trials(self.rows, lambda row: row.best, self.mode)

    @property
    def best_row(self) -> TrialRow | None:
        """The trial with the best value so far, running ones included."""
        return next(iter(self.ranked), None)

    @property
    def default_row(self) -> TrialRow | None:
        """The recipe default, once it has a value."""
        return next((row for row in self.rows if row.is_default and row.best is not None), None)

    @property
    def estimated_seconds_left(self) -> float | None:
        """Seconds until the search ends; None until a trial has ended.

        Mean slot-seconds per trial × trials left / slots at work, and never more than the time budget leaves. A
        running trial counts as half done. It supposes that coming trials cost what past ones did: ASHA prunes more
        as it learns more, so the estimate tends to be too long early on.
        """
        ended, running = self.done, self.counts[TrialStatus.RUNNING]
        if not ended:
            return None
        left = max(self.total_trials - ended, running)
        if left <= 0:
            return 0.0
        slot_seconds = self.elapsed_seconds * max(1, min(self.slots, ended + running))
        per_trial = slot_seconds / (ended + running / 2)
        estimate = per_trial * (left - running / 2) / max(1, min(self.slots, left))
        if self.time_budget_seconds is None:
            return estimate
        return min(estimate, max(0.0, self.time_budget_seconds - self.elapsed_seconds))


def select_rows(progress: Progress, room: int) -> list[TrialRow]:
    """The rows worth `room` lines, by trial number.

    First the best trial, then the running ones, the rest of the best five, the newest ended ones (by number), and
    those that wait.
    """
    by_number = sorted(progress.rows, key=lambda row: row.number)
    best = progress.ranked[:_BEST_SHOWN]
    running = [row for row in by_number if row.status == TrialStatus.RUNNING]
    ended = [row for row in reversed(by_number) if row.has_ended]
    waiting = [row for row in by_number if row.status == WAITING]
    wanted = {row.number: row for row in [*best[:1], *running, *best[1:], *ended, *waiting]}
    return sorted(list(wanted.values())[: max(1, room)], key=lambda row: row.number)


def count_facts(progress: Progress) -> list[str]:
    """How many trials have ended, and how many stand where."""
    counts = progress.counts
    return [f"{progress.done}/{progress.total_trials} done"] + [
        f"{counts[status]} {status}" for status in (*ENDED, TrialStatus.RUNNING)
    ]


def best_facts(progress: Progress) -> list[str]:
    """The best score and how far it lies from the recipe default's; nothing before there is a score."""
    best, default = progress.best_row, progress.default_row
    if best is None or best.best is None:
        return []
    found = f"best {progress.metric} {score_text(best.best)}"
    if best.is_default:
        return [f"{found} (trial {best.number}, the recipe default)"]
    found = f"{found} (trial {best.number})"
    if default is None or default.best is None:
        return [found]
    sign = "+" if best.best >= default.best else "-"
    return [found, f"recipe default {score_text(default.best)} ({sign}{score_text(abs(best.best - default.best))})"]


def epoch_text(row: TrialRow) -> str:
    """How far a trial is: 2/5."""
    return "–" if row.status == WAITING else f"{short_epoch(row.epoch)}/{short_epoch(row.max_epochs)}"
