"""Two gloo workers on rows that do not divide evenly, and their interruption."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks._workers import run_workers
from benchmarks.small import small_study
from corpora.samples.reviews import write_samples
from delivery.sessions.space_options import one_configuration, resolve_space
from tuning.jobs import make_job
from tuning.studies.records import TrialRecord

pytestmark = pytest.mark.timeout(120)


def job_file(folder: Path, name: str, rate: float, sets: Sequence[str] = ()) -> Path:
    """A CNN on 21 rows and 11 dev rows, in batches of 4, for one epoch."""
    files = write_samples(folder / "data", train=21, dev=11, test=4)
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    quick = ["num_train_epochs=1", "per_device_train_batch_size=4", "per_device_eval_batch_size=4", "weight_decay=0"]
    space = one_configuration(resolve_space("cnn", options, [*quick, "wandb.mode=disabled", *sets], [], None), None)
    study, material = small_study(folder, name, space)
    job = make_job(study, material, None)(TrialRecord(0, name, {}, {**space.fixed, "learning_rate": rate}, 1.0))
    file = folder / f"{name}.json"
    file.write_text(json.dumps(job.to_plain()))
    return file


def output_of(module: str, file: Path, workers: int, *more: str) -> dict[str, Any]:
    """The last line that rank 0 prints, as JSON."""
    command = [sys.executable, "-m", f"tests.trainables.{module}", str(file), *more]
    output: dict[str, Any] = json.loads(run_workers(command, workers)[0].splitlines()[-1])
    return output


def test_every_row_is_predicted_once_and_in_order(tmp_path: Path) -> None:
    """Eleven rows, batches of four, two workers: the probabilities that one worker gives, row by row."""
    # With a learning rate of 0 both runs predict with the first weights.
    alone, together = (
        output_of("slots.predicted_rows", job_file(tmp_path, f"w{workers}", 0.0), workers) for workers in (1, 2)
    )
    assert (alone["workers"], together["workers"]) == (1, 2)
    first = [row[0] for row in alone["predictions"]]
    assert len(set(first)) == 11  # all rows differ, so that the order shows
    assert [row[0] for row in together["predictions"]] == pytest.approx(first, abs=1e-6)
    assert together["loss"] == pytest.approx(alone["loss"], abs=1e-6)


def test_workers_are_interrupted_together(tmp_path: Path) -> None:
    """In an epoch, and in an evaluation where one worker notices the end: both continue as if uninterrupted."""
    ends = {
        phase: output_of("slots.interrupted_workers", job_file(tmp_path, phase, 1e-2), 2, phase)
        for phase in ("epoch", "evaluation")
    }
    assert ends["epoch"]["checkpoint"] == {
        "step": 2,
        "epoch": pytest.approx(2 / 3),
        "resumable": True,
        "evaluated": 0.0,
    }
    assert ends["evaluation"]["checkpoint"] == {"step": 3, "epoch": 1.0, "resumable": True, "evaluated": 0.0}
    assert ends["epoch"]["reports"] == ends["evaluation"]["reports"]
    assert [epoch for epoch, _ in ends["epoch"]["reports"]] == [1.0]
    assert ends["epoch"]["steps"] == ends["evaluation"]["steps"] == 3
