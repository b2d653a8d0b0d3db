"""Batches that do not fit are halved, the global batch stays, and what fits is remembered."""

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


class Small(TrainerCallback):
    """A device on which only so many rows fit."""

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
def test_a_full_memory_is_told_from_other_errors(error: BaseException, full: bool) -> None:
    """Of a GPU and of the machine."""
    assert is_full(error) is full


@pytest.mark.parametrize(("rows", "steps"), [(8, [4, 2, 1]), (6, [3, 1]), (1, [])])
def test_a_batch_is_halved_down_to_one_row(
    make_job: Callable[..., Job], tmp_path: Path, rows: int, steps: list[int]
) -> None:
    """By whole shares, so that accumulation makes up for it exactly; below one row nothing fits."""
    job = make_job(tmp_path, config={"per_device_train_batch_size": rows, "gradient_accumulation_steps": 3})
    found = []
    for _ in steps:
        halve(fitted(job), TRAINING, FULL)
        config = fitted(job).config
        found.append(config["per_device_train_batch_size"])
        assert config["per_device_train_batch_size"] * config["gradient_accumulation_steps"] == rows * 3
    assert found == steps
    with pytest.raises(Infeasible, match="not even a batch of one row fits into memory in training: CUDA out"):
        halve(fitted(job), TRAINING, FULL)


def test_what_fits_is_kept_for_trials_of_the_same_size(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Of one model; another learning rate changes no memory, more layers do."""
    job = make_job(tmp_path / "a", memory=str(tmp_path / "memory"))
    halve(fitted(job), TRAINING, FULL)
    for config, rows in (({"learning_rate": 1.0}, 4), ({"model.encoder_layers": 9}, 8)):
        other = make_job(tmp_path / "b", memory=str(tmp_path / "memory"), config=config)
        assert fitted(other).config["per_device_train_batch_size"] == rows
    small = make_job(tmp_path / "c", memory=str(tmp_path / "memory"), config={"per_device_train_batch_size": 2})
    assert fitted(small).config == small.config
    assert {json.loads(path.read_text())["rows"] for path in (tmp_path / "memory").iterdir()} == {4}


def test_what_is_known_may_be_damaged(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Then it is found again."""
    job = make_job(tmp_path / "a", memory=str(tmp_path / "memory"))
    halve(fitted(job), TRAINING, FULL)
    for path in (tmp_path / "memory").iterdir():
        path.write_text("{")
    assert fitted(job).config == job.config


def test_a_trial_that_did_not_fit_gives_what_it_would_have_given(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The loss of 8 rows at once, and of 2 four times; evaluation is halved by itself."""
    whole, cut = RecordingReporter(), RecordingReporter()
    still = {"model.dropout": 0.0}  # what is dropped is drawn per batch
    run_trial(make_job(tmp_path / "whole", config=still), whole, WorkerCache())
    device = Small(train=2, evaluation=4)
    run_trial(make_job(tmp_path / "cut", config=still), cut, WorkerCache(), [device])
    assert device.tried == [("train", 8), ("train", 4), ("train", 2), ("evaluation", 8), ("evaluation", 4)]
    (one,), (other,) = whole.reports, cut.reports
    assert other.step == one.step
    assert other.metrics["loss"] == pytest.approx(one.metrics["loss"], rel=1e-5)


def test_a_trial_of_which_nothing_fits_is_infeasible(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """With its reason."""
    device = Small(train=0)
    with pytest.raises(Infeasible, match="CUDA out of memory with 1 rows"):
        run_trial(make_job(tmp_path), RecordingReporter(), WorkerCache(), [device])
    assert [rows for _, rows in device.tried] == [8, 4, 2, 1]


def test_evaluation_depends_on_beams(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Training does not."""
    one, four = (make_job(tmp_path, config={"num_beams": beams}) for beams in (1, 4))
    assert memory._file(one, TRAINING) == memory._file(four, TRAINING)
    assert memory._file(one, EVALUATION) != memory._file(four, EVALUATION)
