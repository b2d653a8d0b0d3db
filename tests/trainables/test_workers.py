"""Two gloo workers on rows that do not share out evenly."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks._workers import run_workers
from benchmarks.small import small_study
from corpora.reviews import write_samples
from delivery.checking import resolve_space
from delivery.training import one_configuration
from tuning.jobs import make_job
from tuning.records import TrialRecord

pytestmark = pytest.mark.timeout(120)


def told(folder: Path, workers: int) -> dict[str, Any]:
    """What rank 0 says of the 11 dev rows, in batches of 4, after an epoch on 21 rows that changes nothing."""
    files = write_samples(folder / "data", train=21, dev=11, test=4)
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    quick = ["num_train_epochs=1", "per_device_train_batch_size=4", "per_device_eval_batch_size=4", "weight_decay=0"]
    space = one_configuration(resolve_space("cnn", options, [*quick, "wandb.mode=disabled"], [], None), None)
    study, material = small_study(folder, f"workers-{workers}", space)
    # A learning rate of 0 leaves the first weights, so that both runs predict with the same ones.
    config = {**space.fixed, "learning_rate": 0.0}
    job = make_job(study, material, None)(TrialRecord(0, "one", {}, config, 1.0))
    (folder / f"job-{workers}.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "tests.trainables.rows_told", str(folder / f"job-{workers}.json")]
    found: dict[str, Any] = json.loads(run_workers(command, workers)[0].splitlines()[-1])
    return found


def test_every_row_is_predicted_once_and_in_order(tmp_path: Path) -> None:
    """Eleven rows, batches of four, two workers: the probabilities that one worker gives, row by row."""
    alone, together = told(tmp_path, 1), told(tmp_path, 2)
    assert (alone["workers"], together["workers"]) == (1, 2)
    first = [row[0] for row in alone["predictions"]]
    assert len(set(first)) == 11  # each row has a number of its own, or the order would not show
    assert [row[0] for row in together["predictions"]] == pytest.approx(first, abs=1e-6)
    assert together["loss"] == pytest.approx(alone["loss"], abs=1e-6)
