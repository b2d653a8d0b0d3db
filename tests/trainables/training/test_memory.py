"""Batches that do not fit into memory are halved, the global batch stays the same, and the result is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from tests.trainables.reporters import RecordingReporter
from trainables.training import memory
from trainables.training.job import Job
from trainables.training.memory import EVALUATION, TRAINING, Infeasible, fitted, halve, is_full
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


class SmallDevice(TrainerCallback):
    """A device with memory for a limited number of rows."""

    def __init__(self, train: int = 99, evaluation: int = 99) -> None:
        self.train, self.evaluation = train, evaluation
        self.tried: list[tuple[str, int]] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._fit("train", args.per_device_train_batch_size, self.train)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._fit("evaluation", args.per_device_eval_batch_size, self.evaluation)

    def _fit(self, phase: str, rows: int, most: int) -> None:
        if (phase, rows) not in self.tried:
            self.tried.append((phase, rows))
        if rows > most:
            raise torch.OutOfMemoryError(f"CUDA out of memory with {rows} rows")


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (FULL, True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_that_mean_full_memory(error: BaseException, full: bool) -> None:
    """The memory of a GPU, or of the machine."""
    assert is_full(error) is full


@pytest.mark.parametrize(("rows", "steps"), [(8, [4, 2, 1]), (6, [3, 1]), (1, [])])
def test_a_batch_is_halved_down_to_one_row(
    make_job: Callable[..., Job], tmp_path: Path, rows: int, steps: list[int]
) -> None:
    """By divisors, so that accumulation gives exactly the same global batch; below one row, it is infeasible."""
    job = make_job(tmp_path, config={"per_device_train_batch_size": rows, "gradient_accumulation_steps": 3})
    rows_per_step = []
    for _ in steps:
        halve(fitted(job), TRAINING, FULL)
        config = fitted(job).config
        rows_per_step.append(config["per_device_train_batch_size"])
        assert config["per_device_train_batch_size"] * config["gradient_accumulation_steps"] == rows * 3
    assert rows_per_step == steps
    with pytest.raises(Infeasible, match="not even a batch of one row fits into memory in training: CUDA out"):
        halve(fitted(job), TRAINING, FULL)


def test_the_result_is_recorded_for_trials_of_the_same_model(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The learning rate has no effect on memory; the number of layers has."""
    job = make_job(tmp_path / "a", memory=str(tmp_path / "memory"))
    halve(fitted(job), TRAINING, FULL)
    for config, rows in (({"learning_rate": 1.0}, 4), ({"model.encoder_layers": 9}, 8)):
        other = make_job(tmp_path / "b", memory=str(tmp_path / "memory"), config=config)
        assert fitted(other).config["per_device_train_batch_size"] == rows
    small = make_job(tmp_path / "c", memory=str(tmp_path / "memory"), config={"per_device_train_batch_size": 2})
    assert fitted(small).config == small.config
    assert {json.loads(path.read_text())["rows"] for path in (tmp_path / "memory").iterdir()} == {4}


def test_a_damaged_record_is_ignored(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The batch size is determined again."""
    job = make_job(tmp_path / "a", memory=str(tmp_path / "memory"))
    halve(fitted(job), TRAINING, FULL)
    for path in (tmp_path / "memory").iterdir():
        path.write_text("{")
    assert fitted(job).config == job.config


def test_a_halved_batch_gives_the_same_loss(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """8 rows at once, and 2 rows four times; the evaluation batch is halved independently."""
    whole, cut = RecordingReporter(), RecordingReporter()
    no_dropout = {"model.dropout": 0.0}  # dropout is drawn per batch
    run_trial(make_job(tmp_path / "whole", config=no_dropout), whole, WorkerCache())
    device = SmallDevice(train=2, evaluation=4)
    run_trial(make_job(tmp_path / "cut", config=no_dropout), cut, WorkerCache(), [device])
    assert device.tried == [("train", 8), ("train", 4), ("train", 2), ("evaluation", 8), ("evaluation", 4)]
    (one,), (other,) = whole.reports, cut.reports
    assert other.step == one.step
    assert other.metrics["loss"] == pytest.approx(one.metrics["loss"], rel=1e-5)


def test_a_trial_of_which_no_row_fits_is_infeasible(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The message has the error of the device."""
    device = SmallDevice(train=0)
    with pytest.raises(Infeasible, match="CUDA out of memory with 1 rows"):
        run_trial(make_job(tmp_path), RecordingReporter(), WorkerCache(), [device])
    assert [rows for _, rows in device.tried] == [8, 4, 2, 1]


def test_the_evaluation_batch_depends_on_beams(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The training batch does not."""
    one, four = (make_job(tmp_path, config={"num_beams": beams}) for beams in (1, 4))
    assert memory._path(one, TRAINING) == memory._path(four, TRAINING)
    assert memory._path(one, EVALUATION) != memory._path(four, EVALUATION)
