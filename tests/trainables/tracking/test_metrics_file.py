"""What a trial logs is in its folder, each step once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from foundation import buckets
from tests.trainables.reporters import RecordingReporter
from trainables.tracking.metrics_file import METRICS, MetricsFile
from trainables.training.callbacks import SaveOnShutdown
from trainables.training.job import Job
from trainables.training.reports import Interrupted, TrialFailed
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

MakeJob = Callable[..., Job]

CONFIG = {"num_train_epochs": 2, "logging_steps": 2, "log_gradients": True}


def rows(folder: Path) -> list[dict[str, Any]]:
    """The lines of a trial's file."""
    return [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]


def test_each_step_is_written_once_also_after_an_interruption(make_job: MakeJob, tmp_path: Path) -> None:
    """34 rows in batches of 8 are 5 steps an epoch: losses at 2, 4, 6, 8, 10 and evaluations at 5 and 10.

    The interrupted trial is saved at step 7; what it logged after that is replaced.
    """
    run_trial(make_job(tmp_path / "whole", config=CONFIG), RecordingReporter(), WorkerCache())
    whole = rows(tmp_path / "whole")
    assert [(row["step"], "loss" in row) for row in whole if "loss" in row or "eval_loss" in row] == [
        *[(2, True), (4, True), (5, False), (6, True), (8, True), (10, True), (10, False)]
    ]
    assert {"loss", "learning_rate", "grad_norm", "gradients/model.encoder.layers.0", "epoch"} <= whole[0].keys()
    job = make_job(tmp_path / "cut", config=CONFIG)
    shutdown = SaveOnShutdown(lambda step: (step >= 7, step + 1), lambda: False)
    with pytest.raises(Interrupted):
        run_trial(job, RecordingReporter(), WorkerCache(), [shutdown])
    later = json.dumps({"step": 8, "loss": 1.0})  # logged after the checkpoint, by a process that was killed
    with (tmp_path / "cut" / METRICS).open("a", encoding="utf-8") as file:
        file.write(f"{later}\n")
    run_trial(job, RecordingReporter(), WorkerCache())
    cut = rows(tmp_path / "cut")
    assert [(row["step"], "loss" in row) for row in cut] == [(row["step"], "loss" in row) for row in whole]
    assert [row.get("loss") for row in cut[:4]] == [row.get("loss") for row in whole[:4]]
    assert cut[4]["loss"] != 1.0  # the mean since the checkpoint, as transformers logs it


def test_a_loss_that_is_no_number_is_in_the_file(make_job: MakeJob, tmp_path: Path) -> None:
    """As null, which every JSON reader accepts; the file is written although the trial fails."""
    config = {"learning_rate": 1e30, "max_grad_norm": 0, "logging_steps": 1}
    with pytest.raises(TrialFailed):
        run_trial(make_job(tmp_path, config=config), RecordingReporter(), WorkerCache())
    assert rows(tmp_path)[-1]["loss"] is None


def test_the_file_may_be_in_a_bucket(bucket: str, tmp_path: Path) -> None:
    """An evaluation that is repeated replaces its line; other processes than the first write nothing."""
    address = f"{bucket}/trial/{METRICS}"
    arguments, control = TrainingArguments(output_dir=str(tmp_path), use_cpu=True), TrainerControl()
    for resumed_at, loss in [(0, 3.0), (5, 2.0)]:
        file = MetricsFile(address)
        state = TrainerState(global_step=resumed_at)
        state.is_world_process_zero = True
        file.on_train_begin(arguments, state, control)
        state.global_step = 5
        file.on_log(arguments, state, control, {"eval_loss": loss})
        state.global_step = 6
        file.on_log(arguments, state, control, {"loss": loss})
        file.on_save(arguments, state, control)
    lines = [json.loads(line) for line in (buckets.read(address) or b"").splitlines()]
    assert all(abs(line.pop("time") - time.time()) < 60 for line in lines)
    assert lines == [{"step": 5, "eval_loss": 2.0}, {"step": 6, "loss": 2.0}]
    other = MetricsFile(str(tmp_path / METRICS))
    other.on_log(arguments, TrainerState(global_step=1, is_world_process_zero=False), control, {"loss": 1.0})
    other.flush()
    assert not (tmp_path / METRICS).exists()
