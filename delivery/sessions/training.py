"""One configuration without a search, in this process: a debug run, or the training of what a search found."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from msgspec import structs

from corpora import filters
from corpora.splits import Split, Splits
from delivery.results.summarize import summarize
from delivery.results.summary_lines import summary_lines
from delivery.sessions.finalize import close
from delivery.sessions.progress_bar import ProgressBar
from delivery.sessions.session import embedded_sample
from delivery.sessions.tune_request import TuneRequest, check
from foundation.durable import write_json
from foundation.errors import COMMAND, UserError, first_line
from foundation.statuses import SessionEnd, TrialStatus
from search_spaces.schema import Space
from trainables.tracking.tracker import Tracker, TrackingCallback
from trainables.training import checkpoints
from trainables.training.job import EpochValue, Job
from trainables.training.parameters import split_parameters
from trainables.training.reports import Decision, Report, TrialFailed
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning import preparation
from tuning.algorithms import samplers
from tuning.display.live import TableView, View, logged, open_view
from tuning.jobs import make_job
from tuning.studies import retention
from tuning.studies.epochs import trial_epochs
from tuning.studies.records import RECORD, TrialRecord
from tuning.studies.study import Study
from tuning.wandb_settings import tracking_settings


def one_configuration(space: Space, rows: int | None) -> Space:
    """The space with nothing left to search: everything searched has its default.

    Args:
        rows: train on so many rows only, drawn by the seed.
    """
    fixed = {**space.fixed, **samplers.defaults(space.search)}
    filters = replace(space.filters, sample=rows or space.filters.sample)
    return replace(space, fixed=fixed, search={}, budget=replace(space.budget, trials=1), filters=filters)


def train(order: TuneRequest, resume_from: Path | None, out: TextIO, rows: int | None = None) -> dict[str, Any]:
    """Train the one configuration of the order's space; answers the summary.

    Args:
        resume_from: a checkpoint that training goes on from.
        rows: of dev and test, at most; a debug run is not to wait for 50,000 rows to be scored.

    Raises:
        UserError: a mistake was found before anything was written, or the training gave no usable result.
    """
    view = open_view(out)
    point = None if resume_from is None else _resumable(resume_from)
    with tempfile.TemporaryDirectory() as folder:
        splits, _ = check(order, Path(folder), view.say)
    study = Study.create(order.space, order.storage, order.name)
    meter = ProgressBar(view.console) if isinstance(view, TableView) else None
    with study.tentative() as started, logged(view, study.paths.log) as view:
        splits = _fewer(embedded_sample(study, view) or splits, rows, study.space.seed)
        view.say(f"training {study.name}, {len(splits.train.rows):,} rows, in {study.paths.root}")
        material = preparation.prepare(study, splits, view.say)
        record = _record(study)
        job = make_job(study, material, tracking_settings(study))(record)
        if point is not None:
            job = _go_on_from(point, study, record, job)
        started()
        write_json(study.paths.trial(record.trial_id) / "job.json", job.to_plain())
        _run(study, record, job, view, meter)
        retention.remove_unneeded_checkpoints(study)
        seconds = record.results[-1].seconds
        summary = summarize(study, material, slots=1, worker_groups_started=0, wall_seconds=seconds)
        summary = close(study, material, splits, summary, SessionEnd.DONE)
        summary.save(study.paths.summary)
        for line in summary_lines(summary, {}, COMMAND):
            view.say(line)
    return {**summary.to_json(), "end": SessionEnd.DONE}


def _fewer(splits: Splits, rows: int | None, seed: int) -> Splits:
    def drawn(split: Split) -> Split:
        return replace(split, rows=filters.apply(split.rows, filters.Filters(sample=rows), seed)[0])

    return replace(splits, dev=drawn(splits.dev), test=splits.test and drawn(splits.test))


def _resumable(folder: Path) -> checkpoints.Checkpoint:
    found = {point.local_folder().name: point for point in checkpoints.list_complete(folder.parent)}.get(folder.name)
    if found is None or not found.resumable:
        state = "is no complete checkpoint" if found is None else "holds a model, but nothing to go on from"
        raise UserError(
            f"--resume-from {folder} {state}",
            "a folder such as runs/STUDY/trials/TRIAL/checkpoints/step-00000120 of a trial that was interrupted",
            "train anew, with this model as --model" if found else "check the path",
        )
    return found


def _go_on_from(point: checkpoints.Checkpoint, study: Study, record: TrialRecord, job: Job) -> Job:
    """Take over what an interrupted trial knew at a checkpoint: weights, results, and its best model so far.

    Raises:
        UserError: it was another training.
    """
    before = point.local_folder().parents[1]
    try:
        known = json.loads((before / "job.json").read_text(encoding="utf-8"))
        results = json.loads((before / RECORD).read_text(encoding="utf-8"))["results"]
    except (OSError, ValueError, KeyError) as error:
        given = f"--resume-from {point.path}: what its trial was is not beside it ({error})"
        raise UserError(given, "a checkpoint where kotune wrote it", "train anew, with it as --model") from error
    for what, was, now in (
        ("task", (known["task"], known["task_options"]), (job.task, job.task_options)),
        ("training rows, tokenizer or lengths", Path(known["train"]).name, Path(job.train).name),
        ("model", split_parameters(known["config"]).model, split_parameters(job.config).model),
    ):
        if was != now:
            given = f"--resume-from {point.path}: other {what} than it was trained with"
            raise UserError(
                given, "the files and settings of the interrupted training", "or train anew, with it as --model"
            )
    if point.epoch >= record.max_epochs:
        given = f"--resume-from {point.path} is at epoch {point.epoch:g} of {record.max_epochs:g}"
        raise UserError(given, "a checkpoint before the last epoch", "raise it: --set num_train_epochs=…")
    here = study.paths.checkpoints(record.trial_id)
    for kept in checkpoints.list_complete(point.local_folder().parent):
        if kept.epoch <= point.epoch:  # the newest, and the best so far
            shutil.copytree(kept.local_folder(), here / kept.local_folder().name)
    results = [result for result in results if result["epoch"] <= point.epoch]
    for result in results:
        study.add(record.trial_id, result["epoch"], result["step"], result["metrics"], result["seconds"])
    # By today's metric, which may be another one than that of the interrupted training.
    evaluations = tuple(EpochValue(result["epoch"], result["metrics"][study.metric]) for result in results)
    return structs.replace(job, evaluations=evaluations)


def _record(study: Study) -> TrialRecord:
    config = dict(study.space.fixed)
    record = TrialRecord(0, f"{study.name}-0000", {}, config, trial_epochs(study.space, config), is_default=True)
    study.begin(record)
    return record


class _Teller:
    """Writes every evaluation to the study and tells it."""

    def __init__(self, study: Study, record: TrialRecord, view: View) -> None:
        self._study, self._record, self._view = study, record, view

    def report(self, report: Report) -> Decision:
        self._study.add(self._record.trial_id, report.epoch, report.step, report.metrics, report.seconds)
        shown = "  ".join(f"{name} {value:.4g}" for name, value in report.metrics.items())
        self._view.say(f"epoch {report.epoch:g}/{self._record.max_epochs:g}  step {report.step}  {shown}")
        return Decision.CONTINUE


def _run(study: Study, record: TrialRecord, job: Job, view: View, meter: ProgressBar | None) -> None:
    tracker = Tracker(job.tracking) if job.tracking else None
    callbacks = [*([TrackingCallback(tracker)] if tracker else []), *([meter] if meter else [])]
    status = "failed"
    try:
        run_trial(job, _Teller(study, record, view), WorkerCache(), callbacks)
        status = "finished"
        study.end(record.trial_id, TrialStatus.COMPLETED)
        if record.stopped_early:
            patience = record.config["early_stopping_patience"]
            view.say(f"no better value in {patience} evaluation{'s' * (patience > 1)}: that is enough")
    except UserError as error:
        study.end(record.trial_id, TrialStatus.FAILED, first_line(error))
        raise
    except TrialFailed as error:
        study.end(record.trial_id, TrialStatus.FAILED, str(error))
        raise UserError(f"the training failed: {error}", "", "a smaller learning rate, or other data") from error
    finally:
        if meter:
            meter.close()
        if tracker:
            tracker.close({"status": status})
            tracker.wait(30.0)
        view.close()
