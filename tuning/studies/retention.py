"""Which checkpoints stay: those of the best trials of the *study*, and what running trials go on from.

Ray Tune keeps checkpoints per trial, so that 160 trials fill a disk.
"""

from __future__ import annotations

import shutil
from itertools import islice

from foundation import buckets
from foundation.safe_paths import check_inside
from foundation.statuses import TrialStatus
from trainables.training import checkpoints
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


def keepers(study: Study) -> list[TrialRecord]:
    """The best trials of the study that have a model, best first, as many as are to be kept; and those that run.

    A running trial never takes the place of one that ended: it may still fail.
    """
    running = [record for record in study.with_status(TrialStatus.RUNNING) if saved_model(study, record)]
    return study.ranked([*_kept(study), *running])


def _kept(study: Study) -> list[TrialRecord]:
    """Those that ended."""
    # Nobody looks further than is needed: a look at a bucket takes a moment.
    ended = (record for record in study.ranked() if record.status != TrialStatus.RUNNING and saved_model(study, record))
    return list(islice(ended, study.space.checkpoints.keep_best))


def saved_model(study: Study, record: TrialRecord) -> checkpoints.Checkpoint | None:
    """The checkpoint of the trial's best evaluation, if it was saved.

    A trial that is stopped at the rung of its own best evaluation saves nothing there: at least one other trial
    was better at that rung, so it is never the best of the study.
    """
    best = record.best_epoch(study.metric, study.mode)
    return next((point for point in study.shelved(record) if point.epoch == best), None)


def tidy(study: Study) -> None:
    """Remove what dead attempts left: Ray's own state, half-written files, checkpoints that no record knows of.

    Nobody else may be at work on the study.
    """
    shutil.rmtree(study.paths.ray, ignore_errors=True)
    for record in study.with_status(TrialStatus.RUNNING):
        known = record.results[-1].epoch if record.results else 0.0
        place = study.paths.shelf(record.trial_id)
        for point in checkpoints.list_complete(place):
            if point.evaluated > known:  # its evaluation was lost with a damaged record, and would be missing
                checkpoints.remove(place, point)
    root = study.paths.root
    for pattern in (".*.tmp", "base_model/.*.tmp", "trials/*/.*.tmp", "trials/*/checkpoints/.*.tmp"):
        for path in root.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    if study.paths.bucket:  # one look at all of it, instead of one for each trial
        there = buckets.sizes(study.paths.address(study.paths.trials))
        with_models = {name.split("/")[0] for name in there if "/checkpoints/" in name}
        ended = (record.trial_id for record in study.records.values() if record.status != TrialStatus.RUNNING)
        study.shelves |= {trial_id: [] for trial_id in ended if trial_id not in with_models}
    sweep(study)


def most_bytes(study: Study, slots: int) -> int:
    """What checkpoints and the exported model may take at most, in bytes.

    Of a trial that runs: its best model, what it goes on from, and the next of that while it is written; with an
    optimizer that keeps two numbers per weight, each of the latter is three models.
    """
    weights = max((path.stat().st_size for path in study.paths.root.glob("base_model/*/model.safetensors")), default=0)
    running, ended, exported = slots * 7, study.space.checkpoints.keep_best, 2
    return weights * (running + ended + exported)


def sweep(study: Study) -> None:
    """Delete the models of ended trials that are not among the best, and what only going on needs of the others."""
    kept = {record.trial_id for record in _kept(study)}
    for record in study.records.values():
        if record.status == TrialStatus.RUNNING or study.shelves.get(record.trial_id) == []:
            continue
        check_inside(study.paths.checkpoints(record.trial_id), study.paths.root)  # nothing is ever deleted elsewhere
        place = study.paths.shelf(record.trial_id)
        if record.trial_id not in kept:
            checkpoints.remove_all(place)
            study.shelves[record.trial_id] = []
        elif any(point.resumable for point in study.shelved(record)) or len(study.shelved(record)) > 1:
            best = record.best_epoch(study.metric, study.mode)
            checkpoints.prune(place, keep_epochs=set() if best is None else {best}, keep_newest=False)
            del study.shelves[record.trial_id]
