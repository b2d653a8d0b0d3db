"""Continues a training from the checkpoint of an interrupted trial (`train --resume-from`)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from foundation.checked_json import read_json
from foundation.errors import UserError
from trainables.training import checkpoints
from trainables.training.job import JOB
from trainables.training.parameters import split_parameters
from tuning.jobs import make_job
from tuning.studies.material import Material
from tuning.studies.records import RECORD, Result
from tuning.studies.study import Study


class _EarlierJob(msgspec.Struct):
    """The part of `job.json` that must be equal in both trainings."""

    task: str
    task_options: dict[str, Any]
    train: str  # folder of the tokenised rows, named by a hash of their content
    config: dict[str, Any]


class _Source(msgspec.Struct):
    """The content of `resume_from.json`."""

    checkpoint: str


class _EarlierResult(msgspec.Struct):
    epoch: float
    step: int
    metrics: dict[str, float]
    seconds: float


class _EarlierRecord(msgspec.Struct):
    """The part of `trial.json` that the new trial takes over."""

    results: list[_EarlierResult]


def open_checkpoint(folder: Path) -> checkpoints.Checkpoint:
    """Returns the checkpoint in a folder.

    Raises:
        UserError: It is incomplete, or holds a model without the optimizer state.
    """
    folder = Path(os.path.abspath(folder))
    point = {point.local_folder().name: point for point in checkpoints.list_complete(folder.parent)}.get(folder.name)
    if point is None or not point.resumable:
        state = "is no complete checkpoint" if point is None else "holds a model, but nothing to go on from"
        raise UserError(
            f"--resume-from {folder} {state}",
            "a folder such as runs/STUDY/trials/TRIAL/checkpoints/step-00000120 of a trial that was interrupted",
            "train anew, with this model as --model" if point else "check the path",
        )
    return point


def pending_checkpoint(study: Study) -> checkpoints.Checkpoint | None:
    """Returns the checkpoint that the trial of an interrupted study has still to take over; None if there is none.

    Raises:
        UserError: The checkpoint cannot be used any more.
    """
    if study.records or not study.paths.resume_from.is_file():
        return None
    todo = "put it back, or start a new study"
    source = read_json(study.paths.resume_from, _Source, todo)
    try:
        return open_checkpoint(Path(source.checkpoint))
    except UserError as error:
        problem = f"study {study.name!r} was to continue from a checkpoint: {error.problem}"
        raise UserError(problem, "the checkpoint that was given as --resume-from", todo) from None


def take_over(point: checkpoints.Checkpoint, study: Study, material: Material) -> None:
    """Copies the state of an interrupted trial at a checkpoint into the only trial of a new study.

    The state is the weights, the results up to there, and the best model so far.

    Raises:
        UserError: The interrupted trial had another task, other rows or another model.
    """
    from tuning.local_run import new_trial  # imports the training engine

    record = new_trial(study)
    job = make_job(study, material, None)(record)
    earlier, results = _read_trial(point)
    for what, before, now in (
        ("task", (earlier.task, earlier.task_options), (job.task, job.task_options)),
        ("training rows, tokenizer or lengths", Path(earlier.train).name, Path(job.train).name),
        ("model", split_parameters(earlier.config).model, split_parameters(job.config).model),
    ):
        if before != now:
            problem = f"--resume-from {point.path}: other {what} than it was trained with"
            allowed = "the files and settings of the interrupted training"
            raise UserError(problem, allowed, "or train anew, with it as --model")
    if point.epoch >= record.max_epochs:
        problem = f"--resume-from {point.path} is at epoch {point.epoch:g} of {record.max_epochs:g}"
        raise UserError(problem, "a checkpoint before the last epoch", "raise it: --set num_train_epochs=…")
    target = study.paths.checkpoints(record.trial_id)
    shutil.rmtree(target, ignore_errors=True)  # what an interrupted session copied
    for earlier_point in checkpoints.list_complete(point.local_folder().parent):
        if earlier_point.epoch <= point.epoch:  # the newest, and the best so far
            shutil.copytree(earlier_point.local_folder(), target / earlier_point.local_folder().name)
    results_before = (result for result in results if result.epoch <= point.epoch)
    record.results = [
        Result(order, result.epoch, result.step, result.metrics, result.seconds)
        for order, result in enumerate(results_before, 1)
    ]
    study.begin(record)  # last: without a record, `resume` takes the checkpoint over again


def _read_trial(point: checkpoints.Checkpoint) -> tuple[_EarlierJob, list[_EarlierResult]]:
    folder = point.local_folder().parents[1]
    try:
        job = read_json(folder / JOB, _EarlierJob, "")
        record = read_json(folder / RECORD, _EarlierRecord, "")
    except UserError as error:
        problem = f"--resume-from {point.path}: the files of its trial cannot be used ({error.problem})"
        raise UserError(problem, "a checkpoint where kotune wrote it", "train anew, with it as --model") from error
    return job, record.results
