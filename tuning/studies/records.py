"""What is known of a trial: one file, rewritten whole at every change, the one before it kept beside it."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from foundation.checked_json import (
    COUNT,
    FINITE,
    FLAG,
    LIST,
    NUMBER,
    OBJECT,
    TEXT,
    Kind,
    check_fields,
    one_of,
    read_object,
)
from foundation.durable import previous, retry_on_storage_error, write_json
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from trainables.tasks.metric import best_of

#: The record's file, in the folder of its trial.
RECORD = "trial.json"


@dataclass(frozen=True)
class Result:
    """One evaluation of one trial. `order` counts all results of the study, in the order they came."""

    order: int
    epoch: float
    step: int
    metrics: dict[str, float]
    seconds: float  # since the trial (re)started
    last: bool = False  # the trial had nothing more to tell


@dataclass
class TrialRecord:
    """What is known of a trial; its own file, rewritten whole at every change."""

    number: int
    trial_id: str
    parameters: dict[str, Any]  # what the sampler chose
    config: dict[str, Any]  # with what is fixed
    max_epochs: float
    is_default: bool = False
    status: TrialStatus = TrialStatus.RUNNING
    reason: str = ""
    results: list[Result] = field(default_factory=list)
    infeasible: bool = False  # failed because nothing of it fits into memory
    sittings: int = 1  # times the study was begun or resumed while this trial ran

    @property
    def had_enough(self) -> bool:
        """Whether the trial completed before its last epoch: its own patience was at an end."""
        return self.status == TrialStatus.COMPLETED and self.results[-1].epoch < self.max_epochs - 1e-6

    def values(self, metric: str) -> dict[float, float]:
        """Epoch -> value of `metric`."""
        return {result.epoch: result.metrics[metric] for result in self.results}

    def best_epoch(self, metric: str, mode: str) -> float | None:
        """The epoch with the trial's best value; its model is the one that is kept."""
        epoch: float | None = best_of(self.values(metric), mode)
        return epoch

    def best_value(self, metric: str, mode: str, until: float = math.inf) -> float | None:
        """The best value of `metric` in the epochs up to `until`; None before the first."""
        values = {epoch: value for epoch, value in self.values(metric).items() if epoch <= until}
        epoch = best_of(values, mode)
        return None if epoch is None else values[epoch]


def write_record(path: Path, record: TrialRecord) -> None:
    """Write a record; a storage that is full or away for a while is waited for.

    Raises:
        StorageLost: it stays so.
    """
    retry_on_storage_error(
        lambda: write_json(path, asdict(record), keep_last=True), f"the record of trial {record.trial_id}"
    )


_RESULT: dict[str, Kind] = {
    "order": COUNT,
    "epoch": FINITE,
    "step": COUNT,
    "metrics": OBJECT,
    "seconds": NUMBER,
    "last": FLAG,
}
_OPTIONAL = ("is_default", "status", "reason", "results", "infeasible", "sittings")  # those with a default


def read_record(path: Path, metric: str) -> tuple[TrialRecord | None, str]:
    """The record at `path`, and what was mended; no record if a crash came before the first was written.

    One that a crash damaged is replaced by the one before it: what a trial tells once more is not lost.

    Args:
        metric: that every result must have.

    Raises:
        UserError: both are damaged, or what stands there is no record of this trial.
    """
    todo = f"put it back from a copy, or remove {path.parent}: a trial is then searched in its place"
    candidates = [candidate for candidate in (path, previous(path)) if os.path.lexists(candidate)]
    problems: list[UserError] = []
    for candidate in candidates:
        try:
            entry = read_object(candidate, todo)
        except UserError as error:
            problems.append(error)
            continue
        _check(entry, candidate, metric, todo)
        older = candidate != path  # the newest is damaged, or a crash came before it had its name
        remark = f"trial {path.parent.name}: its record is damaged; the one before it is taken" if older else ""
        results = [Result(**result) for result in entry.get("results", ())]
        status = TrialStatus(entry.get("status", TrialStatus.RUNNING))
        return TrialRecord(**{**entry, "status": status, "results": results}), remark
    if not candidates:
        return None, ""
    beside = f", and {previous(path).name} beside it is damaged too" if len(problems) > 1 else ""
    raise UserError(problems[0].problem + beside, problems[0].allowed, todo)


def _check(entry: dict[str, Any], path: Path, metric: str, todo: str) -> None:
    name = path.parent.name
    kinds: dict[str, Kind] = {
        "number": COUNT,
        "trial_id": (name, lambda value: value == name),  # paths are made of it
        "parameters": OBJECT,
        "config": OBJECT,
        "max_epochs": FINITE,
        "is_default": FLAG,
        "status": one_of(*TrialStatus),
        "reason": TEXT,
        "results": LIST,
        "infeasible": FLAG,
        "sittings": COUNT,
    }
    check_fields(entry, kinds, str(path), todo, _OPTIONAL)
    for number, result in enumerate(entry.get("results", ()), 1):
        where = f"{path}: results, {number}"
        check_fields(result, _RESULT, where, todo, ("last",))
        check_fields(result["metrics"], dict.fromkeys(result["metrics"], NUMBER), f"{where}, metrics", todo)
        check_fields(result["metrics"], {metric: FINITE}, f"{where}, metrics", todo, more=True)
    if entry.get("status") == TrialStatus.COMPLETED and not entry.get("results"):
        raise UserError(f"{path}: status is completed, but results is []", "a result or more", todo)
