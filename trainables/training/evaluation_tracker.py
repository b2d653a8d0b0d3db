"""Between the engine and whoever compares trials: evaluations, their scores, and the best so far."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import best_of, is_better
from trainables.tasks.task import Task
from trainables.training import checkpoints
from trainables.training.job import EpochValue, Job
from trainables.training.reports import Decision, Report, Reporter


class Judge(Protocol):
    """Stands between the engine and whoever compares trials; asked on rank 0 alone."""

    def score(self, evaluation: Evaluation) -> dict[str, float]:
        """Metrics of an evaluation."""

    def weigh(self, epoch: float, metrics: dict[str, float]) -> bool:
        """Remember an evaluation; answers whether it is the trial's best so far."""

    def enough(self) -> bool:
        """Whether the last evaluations were so little better that more would be a waste."""

    def report(self, epoch: float, step: int, metrics: dict[str, float], last: bool) -> Decision:
        """Sends a report and returns the scheduler's decision."""

    def forget(self, epoch: float) -> None:
        """Forget an evaluation that was not decided: it is made again when the trial goes on."""

    def save(self, folder: Path) -> None:
        """Add what going on needs to know to a checkpoint that is being written."""

    def saved(self) -> None:
        """A checkpoint has just become complete."""


class EvaluationTracker:
    """Scores evaluations, remembers the trial's best, and keeps its checkpoint.

    Args:
        table: the dev table, which holds what scores are made against.
        patience: evaluations without a better value after which a trial ends of its own accord; None: never.
        threshold: what a value must be better by to count as better for `patience`.
        start: the checkpoint that the trial goes on from; results after it are forgotten.
    """

    def __init__(
        self,
        job: Job,
        task: Task,
        table: Any,
        reporter: Reporter,
        *,
        start: checkpoints.Checkpoint | None,
        patience: int | None = None,
        threshold: float = 0.0,
    ) -> None:
        self._job, self._task, self._table, self._reporter = job, task, table, reporter
        self._patience, self._threshold = patience, threshold
        self._values = _values_up_to(start, job)
        self._started = time.perf_counter()

    def score(self, evaluation: Evaluation) -> dict[str, float]:
        return self._task.score(evaluation, self._table)

    def enough(self) -> bool:
        return (
            self._patience is not None
            and evaluations_without_improvement(self._values, self._job.mode, self._threshold) >= self._patience
        )

    def weigh(self, epoch: float, metrics: dict[str, float]) -> bool:
        value = metrics[self._job.metric]
        best = best_of(self._values, self._job.mode)
        better = is_better(value, None if best is None else self._values[best], self._job.mode)
        self._values[epoch] = value
        return better

    def report(self, epoch: float, step: int, metrics: dict[str, float], last: bool) -> Decision:
        seconds = time.perf_counter() - self._started
        return self._reporter.report(Report(epoch=epoch, step=step, metrics=metrics, seconds=seconds, last=last))

    def forget(self, epoch: float) -> None:
        self._values.pop(epoch, None)

    def save(self, folder: Path) -> None:
        text = json.dumps(sorted(self._values.items()))
        (folder / checkpoints.EVALUATIONS).write_text(text, encoding="utf-8")

    def saved(self) -> None:
        best = best_of(self._values, self._job.mode)
        keep = set() if best is None else {best}
        checkpoints.prune(self._job.checkpoints, keep_epochs=keep, keep_newest=True)


def _values_up_to(start: checkpoints.Checkpoint | None, job: Job) -> dict[float, float]:
    """Epoch -> value, as the search knows them; what it did not yet when the job was made, the checkpoint does."""
    if start is None:
        return {}
    file = start.here() / checkpoints.EVALUATIONS
    saved = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    evaluations = [*(EpochValue(*entry) for entry in saved), *job.evaluations]
    return {entry.epoch: entry.value for entry in evaluations if entry.epoch <= start.evaluated}


def evaluations_without_improvement(values: Mapping[float, float], mode: str, threshold: float) -> int:
    """How many evaluations passed since the last that beat all before it by more than `threshold`."""
    best: float | None = None
    since = 0
    for _, value in sorted(values.items()):
        margin = threshold if mode == "max" else -threshold
        if best is None or is_better(value, best + margin, mode):
            best, since = value, 0
        else:
            since += 1
    return since
