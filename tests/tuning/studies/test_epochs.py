"""The number of epochs of trials."""

from __future__ import annotations

import pytest

from search_spaces.draft import from_dict
from tuning.studies.epochs import longest_epochs, trial_epochs


@pytest.mark.parametrize(
    ("space", "config", "of_trial", "longest"),
    [
        ({}, {}, 3.0, 3.0),  # the default of TrainingArguments
        ({"fixed": {"num_train_epochs": 5}}, {"num_train_epochs": 5}, 5.0, 5.0),
        ({"search": {"num_train_epochs": {"int": [1, 8]}}}, {"num_train_epochs": 2}, 2.0, 8.0),
        ({"search": {"num_train_epochs": {"choice": [2, 6, 4]}}}, {"num_train_epochs": 4}, 4.0, 6.0),
        ({"fixed": {"num_train_epochs": 5}, "scheduler": {"max": 2}}, {"num_train_epochs": 5}, 2.0, 2.0),
        ({"search": {"num_train_epochs": {"int": [1, 8]}}, "scheduler": {"max": 4}}, {"num_train_epochs": 7}, 4.0, 4.0),
    ],
)
def test_epochs_come_from_the_configuration_and_are_limited_by_the_scheduler(
    space: dict[str, object], config: dict[str, object], of_trial: float, longest: float
) -> None:
    """The longest trial has the largest searched value."""
    resolved = from_dict({"mode": "max", "metric": "rouge_sum", **space}, "test")
    assert trial_epochs(resolved, config) == of_trial
    assert longest_epochs(resolved) == longest
