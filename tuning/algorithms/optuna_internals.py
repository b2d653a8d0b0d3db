"""The private points of Optuna that kotune uses. An upgrade of Optuna may move any of them.

`tests/tuning/algorithms/test_optuna_internals.py` has a test for each, which fails when the point is gone.
"""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial


def storage_id(trial: optuna.Trial | FrozenTrial) -> int:
    """The id of a trial in Optuna's storage; its public `number` counts within the study. Uses `_trial_id`."""
    return int(trial._trial_id)


def trial_by_storage_id(study: optuna.Study, trial_id: int) -> optuna.Trial:
    """A trial of an earlier session that can be reported to. Uses the constructor `Trial(study, trial_id)`."""
    return optuna.Trial(study, trial_id)


def emptied(study: optuna.Study) -> optuna.Study:
    """A new study without trials in the place of `study`: same name, storage and attributes. Uses `_storage`."""
    name, storage, direction, attributes = study.study_name, study._storage, study.direction, study.user_attrs
    optuna.delete_study(study_name=name, storage=storage)
    new = optuna.create_study(study_name=name, storage=storage, direction=direction)
    for key, value in attributes.items():
        new.set_user_attr(key, value)
    return new
