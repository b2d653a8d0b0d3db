"""The model that a study exports: that of its best trial, or with a reason another one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from foundation.statuses import TrialStatus
from trainables.training import checkpoints
from trainables.training.checkpoints import Checkpoint
from tuning.studies import retention
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


@dataclass(frozen=True)
class BestModel:
    """The best trial of a study that has a model, and the model.

    Args:
        point: The checkpoint of its best evaluation; None if it is lost.
        lost: One sentence for each better trial whose model is lost, best first, and for this one.
    """

    record: TrialRecord
    point: Checkpoint | None
    lost: tuple[str, ...] = ()


def best_model(study: Study, *, next_best: bool = False, verify: bool = True) -> BestModel | None:
    """Returns the best trial whose model was saved, with its model; None if none was saved yet.

    Args:
        next_best: Pass over models that are lost, instead of returning the best trial without its model.
        verify: Compare checksums as well, which reads the model.
    """
    lost: list[str] = []
    for record in _candidates(study):
        point = retention.saved_model(study, record)
        problem = _problem(study, record, point, verify=verify)
        if not problem:
            return BestModel(record, point, tuple(lost))
        lost.append(problem)
        if not next_best:
            return BestModel(record, None, tuple(lost))
    return None


def _candidates(study: Study) -> Iterator[TrialRecord]:
    """Yields the trials whose model must be saved, and the others that have one, best first."""
    has_model = {record.trial_id for record in retention.best_trials_to_keep(study)}
    for record in study.ranked():
        if record.trial_id in has_model or _was_saved(study, record):
            yield record


def _was_saved(study: Study, record: TrialRecord) -> bool:
    """Whether an ended trial saved the model of its best evaluation. It did not if it was pruned right there."""
    if record.status == TrialStatus.RUNNING:
        return False
    best = record.best_epoch(study.metric, study.mode)
    return record.status == TrialStatus.COMPLETED or (best is not None and best < record.last_epoch)


def _problem(study: Study, record: TrialRecord, point: Checkpoint | None, *, verify: bool) -> str:
    """Returns what is wrong with the model of a trial; empty if nothing is."""
    value, trial = record.best_value(study.metric, study.mode), f"trial {record.trial_id}"
    scored = f"{study.metric} {value:.4f}" if value is not None else "no score"
    if point is None:
        return f"the model of {trial} ({scored}) is lost: its checkpoint is missing or incomplete"
    if verify and (damaged := checkpoints.damaged(point)):
        return f"the model of {trial} ({scored}) is damaged: {os.path.basename(point.path)}/{damaged[0]}"
    return ""
