"""Which checkpoints stay: those of the best trials of the *study*, and what running trials go on from.

Ray Tune keeps checkpoints per trial, so that 160 trials fill a disk.
"""

from __future__ import annotations

import shutil

from search_spaces.places import check_inside
from trainables import checkpoints
from tuning.records import RUNNING, TrialRecord
from tuning.study import Study


def keepers(study: Study) -> list[TrialRecord]:
    """The best trials of the study that have a model on disk, best first, as many as are to be kept.

    A running trial never takes the place of one that ended: it may still fail.
    """
    ranked = [record for record in study.ranked() if saved_model(study, record) is not None]
    kept = [record for record in ranked if record.status != RUNNING][: study.space.checkpoints["keep_best"]]
    return [record for record in ranked if record in kept or record.status == RUNNING]


def saved_model(study: Study, record: TrialRecord) -> checkpoints.Checkpoint | None:
    """The checkpoint of the trial's best evaluation, if it was saved.

    A trial that is stopped at the rung of its own best evaluation saves nothing there: at least one other trial
    was better at that rung, so it is never the best of the study.
    """
    best = record.best_epoch(study.metric, study.mode)
    points = checkpoints.list_complete(study.paths.checkpoints(record.trial_id))
    return next((point for point in points if point.epoch == best), None)


def tidy(study: Study) -> None:
    """Remove what dead attempts left: Ray's own state, half-written files, checkpoints that no record knows of.

    Nobody else may be at work on the study.
    """
    shutil.rmtree(study.paths.ray, ignore_errors=True)
    for record in study.with_status(RUNNING):
        known = record.results[-1].epoch if record.results else 0.0
        for point in checkpoints.list_complete(study.paths.checkpoints(record.trial_id)):
            if point.evaluated > known:  # its evaluation was lost with a damaged record, and would be missing
                shutil.rmtree(point.path, ignore_errors=True)
    root = study.paths.root
    for pattern in (".*.tmp", "base_model/.*.tmp", "trials/*/.*.tmp", "trials/*/checkpoints/.*.tmp"):
        for path in root.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    sweep(study)


def most_bytes(study: Study, slots: int) -> int:
    """What checkpoints and the exported model may take at most, in bytes.

    Of a trial that runs: its best model, what it goes on from, and the next of that while it is written; with an
    optimizer that keeps two numbers per weight, each of the latter is three models.
    """
    weights = max((path.stat().st_size for path in study.paths.root.glob("base_model/*/model.safetensors")), default=0)
    running, ended, exported = slots * 7, study.space.checkpoints["keep_best"], 2
    return weights * (running + ended + exported)


def sweep(study: Study) -> None:
    """Delete the models of ended trials that are not among the best, and what only going on needs of the others."""
    kept = {record.trial_id for record in keepers(study)}
    for record in study.records.values():
        if record.status == RUNNING:
            continue
        folder = study.paths.checkpoints(record.trial_id)
        check_inside(folder, study.paths.root)  # nothing is ever deleted elsewhere
        if record.trial_id not in kept:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        best = record.best_epoch(study.metric, study.mode)
        checkpoints.prune(folder, keep_epochs=set() if best is None else {best}, keep_newest=False)
