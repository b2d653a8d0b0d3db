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


def test_a_space_that_has_been_tried_whole(tmp_path: Path) -> None:
    """Said once every configuration has its trial, not before."""
    study = a_study(tmp_path, {"search": {"num_beams": {"int": [1, 2]}}})
    add_trial(study, {"num_beams": 1}, {"accuracy": 0.5})
    assert remarks.notes(study) == []
    add_trial(study, {"num_beams": 2}, {"accuracy": 0.6})
    assert remarks.notes(study) == ["every configuration of the space has been tried: 2 trials"]


def test_the_spread_of_the_best_configuration_over_its_seeds(tmp_path: Path) -> None:
    """Mean and standard deviation of 0.6, 0.7 and 0.8; the other configuration does not count."""
    search = {"num_beams": {"int": [1, 3]}}
    study = a_study(tmp_path, {"search": search, "sampler": {"repeats": 3}})
    for beams, accuracy in ((1, 0.1), (2, 0.6), (2, 0.7), (2, 0.8)):
        add_trial(study, {"num_beams": beams}, {"accuracy": accuracy})
    assert remarks.notes(study) == [
        "the best configuration with 3 seeds: accuracy mean 0.7000, standard deviation 0.1000"
    ]
