"""What a user must know about the result of a study."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from delivery.results import remarks
from foundation.statuses import TrialStatus
from search_spaces.draft import from_dict
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


def a_study(folder: Path, content: Mapping[str, Any]) -> Study:
    """A new study of a classifier, measured by its accuracy."""
    return Study.create(from_dict({"mode": "max", "metric": "accuracy", **content}, "test"), folder, "mine")


def add_trial(study: Study, parameters: Mapping[str, Any], *curve: Mapping[str, float], **fields: Any) -> TrialRecord:
    """Adds a completed trial with one evaluation for each epoch of its curve."""
    number = len(study.records)
    config = {**study.space.fixed, **parameters}
    record = TrialRecord(number, f"mine-{number:04d}", dict(parameters), config, 3.0, number == 0, **fields)
    study.begin(record)
    for epoch, metrics in enumerate(curve, 1):
        study.add(record.trial_id, float(epoch), epoch, metrics, 1.0)
    study.end(record.trial_id, TrialStatus.COMPLETED)
    return record


def test_a_metric_that_never_moved(tmp_path: Path) -> None:
    """All evaluations of all trials are equal. One evaluation alone cannot move, and a second value is a signal."""
    study = a_study(tmp_path, {})
    add_trial(study, {"num_beams": 1}, {"accuracy": 0.5, "loss": 0.8})
    assert remarks.warnings(study, []) == []
    add_trial(study, {"num_beams": 2}, {"accuracy": 0.5, "loss": 0.7}, {"accuracy": 0.5, "loss": 0.9})
    assert remarks.warnings(study, []) == [
        "accuracy was 0.5000 in all 3 evaluations: it never moved, so that no trial is better than another; the model "
        "is the one with the lowest loss on dev"
    ]
    add_trial(study, {"num_beams": 3}, {"accuracy": 0.51, "loss": 0.7})
    assert remarks.warnings(study, []) == []


def test_a_model_that_ignores_its_input(tmp_path: Path) -> None:
    """Its outputs are alike at its best epoch; what is wrong with dev is said instead, since it may be the cause."""
    study = a_study(tmp_path, {})
    add_trial(study, {}, {"accuracy": 0.4, "distinct_outputs": 2.0}, {"accuracy": 0.5, "distinct_outputs": 1.0})
    assert remarks.warnings(study, []) == [
        "all outputs of the best trial on dev are alike: its model ignores the input"
    ]
    assert remarks.warnings(study, ["dev has 1 row"]) == ["dev has 1 row"]
    add_trial(study, {}, {"accuracy": 0.6, "distinct_outputs": 2.0})
    assert remarks.warnings(study, []) == []


def test_of_equal_trials_the_one_with_the_lowest_loss_is_best(tmp_path: Path) -> None:
    """At its epoch of lowest loss; without losses the first trial and its first epoch, as before."""
    study = a_study(tmp_path, {})
    add_trial(study, {}, {"accuracy": 0.5, "loss": 0.9}, {"accuracy": 0.5, "loss": 0.7}, {"accuracy": 0.4, "loss": 0.1})
    add_trial(study, {}, {"accuracy": 0.5, "loss": 0.6}, {"accuracy": 0.5, "loss": 0.8})
    add_trial(study, {}, {"accuracy": 0.5})
    first, second, third = study.records.values()
    assert study.ranked() == [second, first, third]
    assert [record.best_epoch("accuracy", "max") for record in (first, second, third)] == [2.0, 1.0, 1.0]


def test_a_middle_is_not_called_a_recipe(tmp_path: Path) -> None:
    """If the space has a value of its own, nothing is said."""
    rates = {"learning_rate": {"log": [1e-4, 1e-2]}, "num_beams": {"int": [1, 8], "default": 1}}
    (remark,) = remarks.notes(a_study(tmp_path, {"search": rates}))
    assert remark.startswith("trial 0 is not the recipe default")
    assert remark.endswith("the middle, or the first option: learning_rate = 0.001")
    assert "num_beams" not in remark


def test_a_space_that_has_been_tried_whole(tmp_path: Path) -> None:
    """Said once every configuration has its trial, not before."""
    study = a_study(tmp_path, {"search": {"num_beams": {"int": [1, 2], "default": 1}}})
    add_trial(study, {"num_beams": 1}, {"accuracy": 0.5})
    assert remarks.notes(study) == []
    add_trial(study, {"num_beams": 2}, {"accuracy": 0.6})
    assert remarks.notes(study) == ["every configuration of the space has been tried: 2 trials"]


def test_the_spread_of_the_best_configuration_over_its_seeds(tmp_path: Path) -> None:
    """Mean and standard deviation of 0.6, 0.7 and 0.8; the other configuration does not count."""
    search = {"num_beams": {"int": [1, 3], "default": 1}}
    study = a_study(tmp_path, {"search": search, "sampler": {"repeats": 3}})
    for beams, accuracy in ((1, 0.1), (2, 0.6), (2, 0.7), (2, 0.8)):
        add_trial(study, {"num_beams": beams}, {"accuracy": accuracy})
    assert remarks.notes(study) == [
        "the best configuration with 3 seeds: accuracy mean 0.7000, standard deviation 0.1000"
    ]
