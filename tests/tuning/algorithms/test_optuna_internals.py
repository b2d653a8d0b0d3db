"""The private points of Optuna that kotune uses, each by its name: an upgrade that removes one fails here."""

from __future__ import annotations

import optuna

from tuning.algorithms.optuna_internals import storage_id, trial_by_storage_id


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
