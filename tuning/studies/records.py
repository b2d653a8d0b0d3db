"""The record of a trial: one file, rewritten atomically at every change, with its previous version kept beside it."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import msgspec

from foundation.checked_json import Count, Finite, JsonObject, convert_json, plain, read_json
from foundation.durable import previous, retry_on_storage_error, write_json
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from trainables.tasks.metric import LOSS, best_of

#: The record's file, in the folder of its trial.
RECORD = "trial.json"

#: Epochs are sums of fractions; two that are closer than this are the same.
_SAME_EPOCH = 1e-6


class Result(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One evaluation of one trial.

    Args:
        order: Number of the result among all results of the study, from 1, in the order in which they arrived.
        seconds: Since the trial started or was resumed.
        last: Whether the trial ended with this evaluation.
    """

    order: Count
    epoch: Finite
    step: Count
    metrics: dict[str, float]
    seconds: float
    last: bool = False


class TrialRecord(msgspec.Struct, forbid_unknown_fields=True):
    """The record of a trial.

    Args:
        parameters: What the sampler suggested.
        config: `parameters` and the fixed values of the space.
        reason: Why the trial failed.
        infeasible: Whether it failed because not even one row fits into memory.
        sessions: How many sessions started or resumed the trial; `sittings` in the file.
    """

    number: Count
    trial_id: str
    parameters: dict[str, Any]
    config: dict[str, Any]
    max_epochs: Finite
    is_default: bool = False
    status: TrialStatus = TrialStatus.RUNNING
    reason: str = ""
    results: list[Result] = []
    infeasible: bool = False
    sessions: Count = msgspec.field(name="sittings", default=1)

    @property
    def stopped_early(self) -> bool:
        """Whether the trial completed before its last epoch, since its own patience ran out."""
        return self.status == TrialStatus.COMPLETED and self.results[-1].epoch < self.max_epochs - _SAME_EPOCH

    @property
    def last_epoch(self) -> float:
        """The epoch of the last result; 0 before the first."""
        return self.results[-1].epoch if self.results else 0.0

    def values(self, metric: str) -> dict[float, float]:
        """Returns epoch -> value of `metric`."""
        return {result.epoch: result.metrics[metric] for result in self.results}

    def best_epoch(self, metric: str, mode: str) -> float | None:
        """Returns the epoch of the best value, whose model is kept; None before the first result.

        Of equal values the one with the lowest loss is best.
        """
        epoch: float | None = best_of(self.values(metric), mode, self.losses)
        return epoch

    @property
    def losses(self) -> dict[float, float]:
        """Epoch -> loss, where it was measured."""
        return {result.epoch: result.metrics[LOSS.name] for result in self.results if LOSS.name in result.metrics}

    def best_loss(self, metric: str, mode: str) -> float | None:
        """Returns the loss at the epoch of the best value, which decides between trials of equal values."""
        epoch = self.best_epoch(metric, mode)
        return None if epoch is None else self.losses.get(epoch)

    def best_value(self, metric: str, mode: str, until: float = math.inf) -> float | None:
        """Returns the best value of `metric` in the epochs up to `until`; None before the first result."""
        values = {epoch: value for epoch, value in self.values(metric).items() if epoch <= until}
        epoch = best_of(values, mode)
        return None if epoch is None else values[epoch]


def write_record(path: Path, record: TrialRecord) -> None:
    """Writes a record, and retries while the storage is full or unreachable.

    Raises:
        StorageLost: The storage does not recover.
    """
    retry_on_storage_error(
        lambda: write_json(path, plain(record), keep_last=True), f"the record of trial {record.trial_id}"
    )


def read_record(path: Path, metric: str) -> tuple[TrialRecord | None, str]:
    """Reads the record at `path`, or its previous version if a crash damaged it: the trial repeats what that lacks.

    Args:
        metric: A metric that every result must have.

    Returns:
        The record, and a remark if the previous version was used. No record if a crash came before the first write.

    Raises:
        UserError: Both versions are damaged, or the file is no record of this trial.
    """
    todo = f"put it back from a copy, or remove {path.parent}: a trial is then searched in its place"
    candidates = [candidate for candidate in (path, previous(path)) if os.path.lexists(candidate)]
    problems: list[UserError] = []
    for candidate in candidates:
        try:
            content = read_json(candidate, JsonObject, todo)
        except UserError as error:
            problems.append(error)
            continue
        record = convert_json(content, TrialRecord, str(candidate), todo)
        _check(record, candidate, metric, todo)
        is_older = candidate != path  # the newest is damaged, or a crash came before it was renamed
        remark = f"trial {path.parent.name}: its record is damaged; the previous version is used"
        return record, remark if is_older else ""
    if not candidates:
        return None, ""
    both = f", and {previous(path).name} beside it is damaged too" if len(problems) > 1 else ""
    raise UserError(problems[0].problem + both, problems[0].allowed, todo)


def _check(record: TrialRecord, path: Path, metric: str, todo: str) -> None:
    folder = path.parent.name
    if record.trial_id != folder:  # paths are made of it
        raise UserError(f"{path}: trial_id is {record.trial_id!r}", folder, todo)
    for index, result in enumerate(record.results):
        if metric not in result.metrics:
            raise UserError(f"{path}: results[{index}].metrics: {metric} is missing", "every metric of the task", todo)
        if not math.isfinite(value := result.metrics[metric]):
            raise UserError(f"{path}: results[{index}].metrics.{metric} is {value!r}", "a finite number", todo)
    if record.status == TrialStatus.COMPLETED and not record.results:
        raise UserError(f"{path}: status is completed, but results is []", "one result or more", todo)
