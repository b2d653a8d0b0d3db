"""Checks of a request before anything is written. The messages for bad input files are in tests/bad_inputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from delivery.sessions import study_request
from delivery.sessions.space_options import resolve_space
from delivery.sessions.study_request import StudyRequest, check, check_sampler, limit_trials
from foundation.errors import UserError
from search_spaces.choices import Runner
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from trainables.slots.settings import Shape
from tuning.cluster.resources import Plan
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


@pytest.fixture
def space(review_files: dict[str, Path]) -> Space:
    """A search of the CNN on small files."""
    options = {f"data.{split}": str(path) for split, path in review_files.items()}
    return resolve_space("cnn", options, ["wandb.mode=disabled"], [], None)


def test_a_good_request_gives_splits_and_slots(space: Space, tmp_path: Path) -> None:
    """Nothing is written to the storage."""
    _, splits, plan, _, _ = check(StudyRequest(space, "mine", storage_at(tmp_path / "runs")), tmp_path / "scratch")
    assert (len(splits.train.rows), len(splits.dev.rows)) == (300, 41)
    assert plan.slots >= 1
    assert not (tmp_path / "runs").exists()


def test_the_embedded_sample_is_written_to_the_scratch_folder(tmp_path: Path) -> None:
    """The study does not exist yet."""
    request = StudyRequest(resolve_space("cnn", {}, [], [], None), "mine", storage_at(tmp_path / "runs"))
    _, splits, _, _, _ = check(request, tmp_path / "scratch")
    assert Path(splits.train.path).parent == tmp_path / "scratch"


def test_names_that_cannot_be_folders_are_refused(space: Space, tmp_path: Path) -> None:
    """As is the name of an existing study."""
    storage = storage_at(tmp_path)
    for name in ("", "../up", ".hidden", "a/b", "n" * 300):
        with pytest.raises(UserError, match="--study"):
            check(StudyRequest(space, name, storage), tmp_path)
    Study.create(space, storage, "mine")
    with pytest.raises(UserError, match="'mine'"):
        check(StudyRequest(space, "mine", storage), tmp_path)


def test_a_finite_space_limits_the_trials() -> None:
    """Ten trials of four configurations are four trials, or eight with two seeds each; and this is said."""
    search = {"num_beams": {"int": [1, 2]}, "optim": {"choice": ["adafactor", "adamw_torch"]}}
    lines: list[str] = []
    for repeats in (1, 2, 3):
        content = {"search": search, "budget": {"trials": 10}, "sampler": {"repeats": repeats}}
        limited = limit_trials(from_dict(content, "test"), lines.append)
        assert limited.budget.trials == min(10, 4 * repeats)
    assert lines == [
        "the space has no more configurations than 4: 4 trials at most",
        "the space has no more configurations than 4, 2 trials of each: 8 trials at most",
    ]


def test_a_search_needs_ray(space: Space, tmp_path: Path) -> None:
    """The local runner trains one configuration."""
    local = replace(space, runner=Runner.LOCAL)
    with pytest.raises(UserError, match="runner local"):
        check(StudyRequest(local, "mine", storage_at(tmp_path)), tmp_path)


def test_both_ends_of_a_range_are_tried(review_files: dict[str, Path], tmp_path: Path) -> None:
    """A value that only some trials would get is refused before the first of them."""
    options = {f"data.{split}": str(path) for split, path in review_files.items()}
    space = resolve_space("cnn", options, [], ["model.num_filters=int:0:100"], None)
    with pytest.raises(UserError, match="num_filters"):
        check(StudyRequest(space, "mine", storage_at(tmp_path)), tmp_path)


def test_evaluations_that_skip_a_rung_are_refused(review_files: dict[str, Path], tmp_path: Path) -> None:
    """Before anything is started."""
    options = {f"data.{split}": str(path) for split, path in review_files.items()}
    space = resolve_space("cnn", options, ["eval_every=2", "num_train_epochs=9"], [], None)
    with pytest.raises(UserError, match="no evaluation at epoch 1, 3, where ASHA compares them"):
        check(StudyRequest(space, "mine", storage_at(tmp_path)), tmp_path)


@pytest.mark.parametrize(
    ("name", "gpus", "fixed"),
    [("t5", 1.0, []), ("t5", 0.0, []), ("t5", 1.0, ["fp16=true"]), ("kobart", 1.0, [])],
)
def test_models_that_overflow_in_fp16_are_named(
    name: str, gpus: float, fixed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU without bf16 computes them in 32 bit, unless the space chooses."""
    monkeypatch.setattr(study_request, "plan_for", lambda *arguments: Plan(1, Shape(1, 1.0, gpus)))
    space = resolve_space(name, {}, ["wandb.mode=disabled", *fixed], [], None)
    remarks = check(StudyRequest(space, "mine", storage_at(tmp_path / "runs")), tmp_path / "scratch").fit.remarks
    line = "the activations of a t5 overflow in fp16: on a GPU without bf16, trials compute in 32 bit"
    assert remarks == ([line] if (name, gpus, fixed) == ("t5", 1.0, []) else [])


@pytest.mark.parametrize("scheduler", ["asha", "median"])
def test_a_sampler_that_needs_completed_trials_is_refused_under_a_scheduler(scheduler: str) -> None:
    """The search would be random; the message says why."""
    content = {"sampler": "gp", "search": {"num_beams": {"int": [1, 2]}}}
    with pytest.raises(UserError, match=f"gp learns from completed trials only, and {scheduler} stops most"):
        check_sampler(from_dict({**content, "scheduler": scheduler}, "test"))
    check_sampler(from_dict({**content, "scheduler": "none"}, "test"))
    check_sampler(from_dict({**content, "scheduler": scheduler, "sampler": "cmaes"}, "test"))
