"""The private points of Optuna that kotune uses, each by its name: an upgrade that removes one fails here."""

from __future__ import annotations

import optuna

from tuning.algorithms.optuna_internals import emptied, storage_id, trial_by_storage_id


def test_trial_id() -> None:
    """Trials, frozen or not, have their storage's id as `_trial_id`."""
    study = optuna.create_study()
    trial = study.ask()
    (frozen,) = study.get_trials()
    assert storage_id(trial) == storage_id(frozen) == trial._trial_id


def test_trial_constructor() -> None:
    """`Trial(study, trial_id)` is the trial that was asked for, and accepts reports."""
    study = optuna.create_study()
    study.ask()
    second = study.ask()
    again = trial_by_storage_id(study, storage_id(second))
    assert again.number == second.number == 1
    again.report(0.5, step=1)
    assert study.get_trials()[1].intermediate_values == {1: 0.5}


def test_storage() -> None:
    """A study has its storage as `_storage`, in which it can be deleted and made again under its name."""
    study = optuna.create_study(study_name="mine", direction="maximize")
    study.set_user_attr("address", "here")
    study.ask()
    again = emptied(study)
    assert (again.study_name, again.direction, again.user_attrs) == (
        "mine",
        optuna.study.StudyDirection.MAXIMIZE,
        {"address": "here"},
    )
    assert again.get_trials() == []
