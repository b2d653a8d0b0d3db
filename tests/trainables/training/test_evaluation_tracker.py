"""The evaluations of a trial: recorded, reported, saved with a checkpoint and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trainables.tasks.evaluation import Evaluation
from trainables.training import checkpoints
from trainables.training.early_stopping import EarlyStopping
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.job import EpochValue, Job
from trainables.training.reports import Decision, Report


class ScoringTask:
    """A task whose score is the loss, and the number of rows in the table."""

    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        return {"loss": evaluation.loss, "rows": float(len(table))}


class StoppingScheduler:
    """Stops every trial, and records its reports."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def report(self, report: Report) -> Decision:
        self.reports.append(report)
        return Decision.STOP


def make_tracker(
    folder: Path,
    *,
    mode: str = "max",
    start: checkpoints.Checkpoint | None = None,
    evaluations: tuple[EpochValue, ...] = (),
    patience: int | None = None,
) -> tuple[EvaluationTracker, StoppingScheduler]:
    """A tracker of the metric `score` in `folder`, and the scheduler that it reports to."""
    job = Job(
        trial_id="t", number=0, task="cnn", task_options={}, base_model="", train="", dev="", config={}, seed=0,
        metric="score", mode=mode, eval_every=1.0, max_epochs=3.0, folder=str(folder), evaluations=evaluations,
    )  # fmt: skip
    scheduler = StoppingScheduler()
    stopping = EarlyStopping(patience=patience, threshold=0.0, mode=mode)
    tracker = EvaluationTracker(
        job,
        ScoringTask(),  # type: ignore[arg-type]
        ["row 1", "row 2"],
        scheduler,
        start=start,
        early_stopping=stopping,
    )
    return tracker, scheduler


@pytest.mark.parametrize(
    ("mode", "expected"), [("max", [True, False, True, False]), ("min", [True, True, False, False])]
)
def test_an_evaluation_is_the_best_if_it_beats_all_before_it(tmp_path: Path, mode: str, expected: list[bool]) -> None:
    """An equal value is no improvement."""
    tracker, _ = make_tracker(tmp_path, mode=mode)
    values = [0.5, 0.4, 0.6, 0.6] if mode == "max" else [0.5, 0.4, 0.6, 0.4]
    assert [tracker.record(epoch, {"score": value}) for epoch, value in enumerate(values, 1)] == expected


@pytest.mark.parametrize("mode", ["max", "min"])
def test_of_equal_evaluations_the_one_with_the_lowest_loss_is_best(tmp_path: Path, mode: str) -> None:
    """A metric that does not move would otherwise keep the checkpoint of the first epoch."""
    tracker, _ = make_tracker(tmp_path, mode=mode)
    losses = [0.9, 0.7, 0.8, 0.7, 0.1]
    scores = [0.5, 0.5, 0.5, 0.5, 0.4 if mode == "max" else 0.6]
    best = [
        tracker.record(epoch, {"score": score, "loss": loss})
        for epoch, (score, loss) in enumerate(zip(scores, losses, strict=True), 1)
    ]
    assert best == [True, True, False, False, False]


def test_the_evaluations_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    """They have no loss, and lose a tie to one that has."""
    make_checkpoint(tmp_path, 10, 1.0)
    (start,) = checkpoints.list_complete(tmp_path / "checkpoints")
    (tmp_path / "checkpoints" / "step-00000010" / checkpoints.EVALUATIONS).write_text("[[1.0, 0.5]]")
    tracker, _ = make_tracker(tmp_path, start=start)
    assert not tracker.record(2.0, {"score": 0.4, "loss": 0.1})
    assert tracker.record(3.0, {"score": 0.5, "loss": 0.1})


def test_the_task_scores_with_the_table(tmp_path: Path) -> None:
    """The tracker passes the evaluation and the dev table, and counts the different outputs."""
    evaluation = Evaluation(predictions=["a", "b", "a"], loss=0.25, generated_tokens=0.0, seconds=1.0)
    assert make_tracker(tmp_path)[0].score(evaluation) == {"loss": 0.25, "rows": 2.0, "distinct_outputs": 2.0}


def test_a_discarded_evaluation_does_not_count(tmp_path: Path) -> None:
    """Neither as the best one nor for patience; discarding one that does not exist does nothing."""
    tracker, _ = make_tracker(tmp_path, patience=1)
    tracker.record(1.0, {"score": 0.9})
    tracker.record(2.0, {"score": 0.1})
    assert tracker.should_stop_early()
    tracker.discard(2.0)
    tracker.discard(7.0)
    assert not tracker.should_stop_early()
    tracker.discard(1.0)
    assert tracker.record(1.0, {"score": 0.2})


def test_a_report_has_all_that_the_scheduler_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are those since the tracker was made; the scheduler's decision is returned."""
    from trainables.training import evaluation_tracker

    clock = iter([100.0, 107.5])
    monkeypatch.setattr(evaluation_tracker.time, "perf_counter", lambda: next(clock))
    tracker, scheduler = make_tracker(tmp_path)
    assert tracker.report(2.0, 20, {"score": 0.5}, last=True) is Decision.STOP
    assert scheduler.reports == [Report(epoch=2.0, step=20, metrics={"score": 0.5}, seconds=7.5, last=True)]


def make_checkpoint(folder: Path, step: int, epoch: float, tracker: EvaluationTracker | None = None) -> None:
    """A complete checkpoint of `folder`, with the evaluations of the tracker."""
    staging = checkpoints.staging(folder / "checkpoints", step)
    staging.mkdir(parents=True)
    (staging / "model.safetensors").write_bytes(b"weights")
    if tracker is not None:
        tracker.save(staging)
    checkpoints.complete(folder / "checkpoints", step, epoch=epoch, resumable=True)


def test_a_resumed_trial_has_the_evaluations_of_its_checkpoint(tmp_path: Path) -> None:
    """Those up to the checkpoint; where the scheduler's record has another value, it counts."""
    tracker, _ = make_tracker(tmp_path)
    for epoch, value in ((3.0, 0.1), (1.0, 0.8), (2.0, 0.3)):
        tracker.record(epoch, {"score": value, "loss": 1 - value})
    make_checkpoint(tmp_path, 20, 2.0, tracker)
    (start,) = checkpoints.list_complete(tmp_path / "checkpoints")
    saved = json.loads((start.local_folder() / checkpoints.EVALUATIONS).read_text(encoding="utf-8"))
    assert saved == [[1.0, 0.8, pytest.approx(0.2)], [2.0, 0.3, 0.7], [3.0, 0.1, 0.9]]
    assert not make_tracker(tmp_path, start=start)[0].record(3.0, {"score": 0.7})  # 0.8 in epoch 1
    corrected = (EpochValue(1.0, 0.2), EpochValue(3.0, 0.9))  # the second one is after the checkpoint
    assert make_tracker(tmp_path, start=start, evaluations=corrected)[0].record(3.0, {"score": 0.4})
    assert make_tracker(tmp_path)[0].record(3.0, {"score": 0.0})  # without a start there are none


def test_a_checkpoint_without_evaluations_leaves_the_scheduler_s(tmp_path: Path) -> None:
    """Those that the job carries."""
    make_checkpoint(tmp_path, 10, 1.0)
    (start,) = checkpoints.list_complete(tmp_path / "checkpoints")
    tracker, _ = make_tracker(tmp_path, start=start, evaluations=(EpochValue(1.0, 0.5),))
    assert not tracker.record(2.0, {"score": 0.4})


def test_the_best_and_the_newest_checkpoint_remain(tmp_path: Path) -> None:
    """Of three checkpoints, the second one is neither."""
    tracker, _ = make_tracker(tmp_path)
    for number, value in enumerate([0.9, 0.1, 0.5], 1):
        tracker.record(float(number), {"score": value})
        make_checkpoint(tmp_path, 10 * number, float(number))
    tracker.prune_checkpoints()
    assert [point.epoch for point in checkpoints.list_complete(tmp_path / "checkpoints")] == [1.0, 3.0]


def test_without_evaluations_only_the_newest_checkpoint_remains(tmp_path: Path) -> None:
    """A trial that was interrupted in its first epoch."""
    tracker, _ = make_tracker(tmp_path)
    for number in (1, 2):
        make_checkpoint(tmp_path, number, 0.1 * number)
    tracker.prune_checkpoints()
    assert [point.step for point in checkpoints.list_complete(tmp_path / "checkpoints")] == [2]
