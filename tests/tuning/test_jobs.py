"""The job of a trial: what a worker trains, and the W&B run that it logs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from search_spaces.draft import from_dict
from trainables.training.job import Job
from tuning.jobs import make_job
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.wandb_settings import TrackingSettings

TRACKING = TrackingSettings(mode="offline", project="kotune", entity=None, tags=("kobart",), folder="runs/mine/wandb")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study without trials."""
    return Study.create(from_dict({"mode": "max", "metric": "rouge_sum"}, "test"), tmp_path, "mine")


def job_of(study: Study, number: int, tracking: TrackingSettings | None = None) -> Job:
    """The job of a trial that has reported nothing."""
    tables = {"": {"train": "tables/train", "dev": "tables/dev"}}
    material = Material(splits={}, task_options={}, tables=tables, scored_with="whitespace", remarks=[])
    values = {"num_beams": number}
    record = TrialRecord(number, f"mine-{number:04d}", values, values, 3.0, is_default=number == 0)
    return make_job(study, material, tracking)(record)


def test_a_run_is_named_after_its_trial(study: Study) -> None:
    """The W&B group is the study, and the settings that all trials share are passed on."""
    run = job_of(study, 7, TRACKING).tracking
    assert run is not None
    assert (run.name, run.run_id, run.group) == ("mine-0007", "mine-0007", "mine")
    assert (run.mode, run.project, run.tags) == ("offline", "kotune", ("kobart",))


def test_a_run_shows_the_configuration_of_its_trial(study: Study) -> None:
    """Beside what all trials share: the study's name, the metric, and the tokenizer that counts it."""
    run = job_of(study, 0, TRACKING).tracking
    assert run is not None
    assert run.config["num_beams"] == 0
    assert run.config["recipe_default"] is True
    assert [run.config[name] for name in ("study", "metric", "rouge_tokenizer")] == ["mine", "rouge_sum", "whitespace"]


def test_without_settings_nothing_is_logged(study: Study) -> None:
    """A study with `wandb.mode: disabled` has none."""
    assert job_of(study, 0).tracking is None


@pytest.mark.parametrize(
    ("tracking", "is_written"), [("wandb", False), ("none", False), ("tensorboard", True), ("both", True)]
)
def test_an_event_file_is_written_where_tensorboard_is_wanted(tmp_path: Path, tracking: str, is_written: bool) -> None:
    """It has a column for each parameter of the study, also for one that this trial does not have."""
    search = {
        "num_beams": {"int": [1, 4]},
        "length_penalty": {"float": [0.5, 1.5], "default": 1.0, "when": {"num_beams": [2, 3, 4]}},
        "weight_decay": {"choice": [None, 0.01]},
    }
    space = from_dict({"mode": "max", "metric": "rouge_sum", "tracking": tracking, "search": search}, "test")
    settings = job_of(Study.create(space, tmp_path, "mine"), 1).tensorboard
    assert (settings is not None) is is_written
    if settings:
        assert settings.columns == {"num_beams": 1, "length_penalty": 1.0, "weight_decay": 0.01}
        assert (settings.config, settings.metric, settings.mode) == ({"num_beams": 1}, "rouge_sum", "max")


def test_trials_differ_by_their_configuration_only(study: Study) -> None:
    """All have the same training seed."""
    first, second = job_of(study, 1), job_of(study, 2)
    assert first.seed == second.seed
    assert first.config != second.config
    assert first.folder != second.folder


def test_each_repeat_of_a_configuration_has_its_own_seed(study: Study) -> None:
    """`sampler.repeats: 3`: trials 3, 4 and 5 train one configuration; trial 0 keeps the seed that all trials share."""
    shared = job_of(study, 0).seed
    study.change_space(from_dict({**study.space.to_dict(), "sampler": {"repeats": 3}}, "test"))
    seeds = [job_of(study, number).seed for number in range(6)]
    assert seeds[:3] == seeds[3:]
    assert len(set(seeds)) == 3
    assert seeds[0] == shared
