"""Which checkpoints stay: those of the best trials of the *study*, and what running trials go on from.

Ray Tune keeps checkpoints per trial, so that 160 trials fill a disk.
"""

from __future__ import annotations

import shutil

from trainables import checkpoints
from tuning.study import RUNNING, Study, TrialRecord


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


def sweep(study: Study) -> None:
    """Delete the models of ended trials that are not among the best, and what only going on needs of the others."""
    kept = {record.trial_id for record in keepers(study)}
    for record in study.records.values():
        if record.status == RUNNING:
            continue
        folder = study.paths.checkpoints(record.trial_id)
        if record.trial_id not in kept:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        best = record.best_epoch(study.metric, study.mode)
        checkpoints.prune(folder, keep_epochs=set() if best is None else {best}, keep_newest=False)
