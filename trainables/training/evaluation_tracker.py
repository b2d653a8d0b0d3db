"""The evaluations of a trial: scored, recorded, reported; the best one decides which checkpoint is kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import DISTINCT, LOSS, best_of
from trainables.tasks.task import Task
from trainables.training import checkpoints
from trainables.training.early_stopping import EarlyStopping
from trainables.training.job import EpochValue, Job
from trainables.training.reports import Decision, Report, Reporter


class EvaluationTracker:
    """Scores and reports the evaluations of a trial, and keeps the checkpoint of the best one. Used on rank 0 only.

    Args:
        table: the dev table, which holds the references for scoring.
        start: the checkpoint that the trial resumes from; later evaluations are dropped.
    """

    def __init__(
        self,
        job: Job,
        task: Task,
        table: Any,
        reporter: Reporter,
        *,
        start: checkpoints.Checkpoint | None,
        early_stopping: EarlyStopping,
    ) -> None:
        self._job, self._task, self._table, self._reporter = job, task, table, reporter
        self._early_stopping = early_stopping
        self._evaluations = _evaluations_until(start, job)
        self._started = time.perf_counter()

    def score(self, evaluation: Evaluation) -> dict[str, float]:
        """Returns the metrics of an evaluation, and how many different outputs the model gave."""
        return {**self._task.score(evaluation, self._table), DISTINCT: float(evaluation.distinct_outputs)}

    def record(self, epoch: float, metrics: dict[str, float]) -> bool:
        """Records an evaluation and returns whether it is the best so far."""
        self._evaluations[epoch] = EpochValue(epoch, metrics[self._job.metric], metrics.get(LOSS.name))
        return self._best() == epoch

    def discard(self, epoch: float) -> None:
        """Removes an evaluation that was not decided: it is repeated when the trial resumes."""
        self._evaluations.pop(epoch, None)

    def should_stop_early(self) -> bool:
        """Returns whether the recorded evaluations no longer improve."""
        return self._early_stopping.should_stop(self._values())

    def _values(self) -> dict[float, float]:
        return {epoch: evaluation.value for epoch, evaluation in self._evaluations.items()}

    def _best(self) -> float | None:
        """Returns the epoch of the best evaluation; None before the first."""
        losses = {epoch: item.loss for epoch, item in self._evaluations.items() if item.loss is not None}
        epoch: float | None = best_of(self._values(), self._job.mode, losses)
        return epoch

    def report(self, epoch: float, step: int, metrics: dict[str, float], last: bool) -> Decision:
        """Reports an evaluation and returns the scheduler's decision."""
        seconds = time.perf_counter() - self._started
        return self._reporter.report(Report(epoch=epoch, step=step, metrics=metrics, seconds=seconds, last=last))

    def save(self, folder: Path) -> None:
        """Adds the recorded evaluations to a checkpoint that is being written."""
        content = msgspec.json.encode([evaluation for _, evaluation in sorted(self._evaluations.items())])
        (folder / checkpoints.EVALUATIONS).write_bytes(content)

    def prune_checkpoints(self) -> None:
        """Deletes all checkpoints except the best and the newest one."""
        best = self._best()
        keep = set() if best is None else {best}
        checkpoints.prune(self._job.checkpoints, keep_epochs=keep, keep_newest=True)


def _evaluations_until(start: checkpoints.Checkpoint | None, job: Job) -> dict[float, EpochValue]:
    """Returns epoch -> evaluation up to a checkpoint; the scheduler's record has priority over the checkpoint's."""
    if start is None:
        return {}
    file = start.local_folder() / checkpoints.EVALUATIONS
    saved = msgspec.json.decode(file.read_bytes(), type=list[EpochValue]) if file.is_file() else []
    return {entry.epoch: entry for entry in [*saved, *job.evaluations] if entry.epoch <= start.evaluated}
