"""Which checkpoints of ended trials are kept: those of the best trials of a study.

Ray Tune's retention is per trial, so 160 trials would fill a disk. What a running trial keeps is decided by
`trainables.training.evaluation_tracker`.
"""

from __future__ import annotations

import shutil
from functools import partial
from itertools import islice

from foundation import buckets
from foundation.durable import retry_on_storage_error, sync
from foundation.statuses import TrialStatus
from trainables.training.checkpoints import Checkpoint
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


def best_trials_to_keep(study: Study) -> list[TrialRecord]:
    """Returns the best ended trials that have a model, as many as are kept, and the running ones; best first.

    A running trial never replaces one that has ended, since it may still fail.
    """
    running = [record for record in study.with_status(TrialStatus.RUNNING) if saved_model(study, record)]
    return study.ranked([*_best_ended(study), *running])


def best_saved_trial(study: Study) -> TrialRecord | None:
    """Returns the best trial whose model is saved; None if there is no model yet."""
    return next(iter(best_trials_to_keep(study)), None)


def _best_ended(study: Study) -> list[TrialRecord]:
    # Lazy, since every look at a bucket takes time.
    ended = (record for record in study.ranked() if record.status != TrialStatus.RUNNING and saved_model(study, record))
    return list(islice(ended, study.space.checkpoints.keep_best))


def saved_model(study: Study, record: TrialRecord) -> Checkpoint | None:
    """Returns the checkpoint of the trial's best evaluation; None if it was not saved.

    Earlier versions kept the first of equal evaluations, whatever their losses.

    A trial that is stopped at the rung of its best evaluation is not saved there: another trial was better at that
    rung, so it is never the best of the study.
    """
    best, values = record.best_epoch(study.metric, study.mode), record.values(study.metric)
    saved = {point.epoch: point for point in study.checkpoints.saved(record)}
    if best in saved:
        return saved[best]
    equal = (epoch for epoch in saved if best is not None and values.get(epoch) == values[best])
    return saved.get(next(equal, -1.0))


def remove_unneeded_checkpoints(study: Study) -> None:
    """Deletes the models of ended trials that are not among the best, and the optimizer states of those that are.

    Raises:
        UserError: A link leads out of the study.
    """
    kept = {record.trial_id for record in _best_ended(study)}
    for record in study.records.values():
        if record.status == TrialStatus.RUNNING or study.checkpoints.is_empty(record):
            continue
        if record.trial_id in kept:
            best = saved_model(study, record)
            study.checkpoints.keep_only(record, best.epoch if best else None)
        else:
            study.checkpoints.remove_all(record)


def remove_leftovers(study: Study) -> None:
    """Deletes what a killed process left: Ray's state, unfinished files, checkpoints after a trial's last result.

    Also makes safe what it left in memory: a study or a record that was renamed into place, and whose folder was not
    synced, is about to be acted on. No other process may work on the study.

    Raises:
        StorageLost: The storage does not recover.
    """
    root, trials = study.paths.root, study.paths.trials
    for folder in (root.parent, root, trials, *(study.paths.trial(trial_id) for trial_id in study.records)):
        if folder.is_dir():
            retry_on_storage_error(partial(sync, folder), str(folder))
    shutil.rmtree(study.paths.ray, ignore_errors=True)
    for record in study.with_status(TrialStatus.RUNNING):
        for point in study.checkpoints.saved(record):
            if point.evaluated > record.last_epoch:  # a damaged record lost that evaluation, which must be repeated
                study.checkpoints.remove(record, point)
    for pattern in (".*.tmp", "base_model/.*.tmp", "trials/*/.*.tmp", "trials/*/checkpoints/.*.tmp"):
        for path in root.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    if study.paths.bucket:  # one listing of all trials instead of one for each
        names = buckets.sizes(study.paths.address(study.paths.trials))
        with_checkpoints = {name.split("/")[0] for name in names if "/checkpoints/" in name}
        ended = {record.trial_id for record in study.records.values() if record.status != TrialStatus.RUNNING}
        study.checkpoints.assume_empty(ended - with_checkpoints)
    remove_unneeded_checkpoints(study)


def max_disk_bytes(study: Study, slots: int) -> int:
    """Returns the most bytes that checkpoints and the exported model can take.

    A running trial needs its best model, the checkpoint it resumes from, and the next one while that is written. With
    an optimizer that stores two numbers per weight, each of the last two is as large as three models.
    """
    weights = max((path.stat().st_size for path in study.paths.root.glob("base_model/*/model.safetensors")), default=0)
    running, ended, exported = slots * 7, study.space.checkpoints.keep_best, 2
    return weights * (running + ended + exported)
