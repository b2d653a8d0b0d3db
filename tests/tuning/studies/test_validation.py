"""Study folders that were changed are refused before anything in them is used, and nothing is deleted elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foundation.errors import UserError
from search_spaces.draft import from_dict
from trainables.training import checkpoints
from trainables.training.checkpoint_store import MANIFEST
from tuning.studies import retention
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

SPACE = from_dict({"mode": "max", "metric": "rouge_sum", "checkpoints": {"keep_best": 1}}, "test")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two trials that ended, each with a checkpoint; the second is the better one."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    for number in range(2):
        record = TrialRecord(number, f"mine-{number:04d}", {}, {}, 3.0)
        study.begin(record)
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": float(number)}, 1.0)
        folder = study.paths.checkpoints(record.trial_id)
        staged = checkpoints.staging(folder, 10)
        staged.mkdir(parents=True)
        (staged / "model.safetensors").write_bytes(b"weights")
        (staged / "optimizer.pt").write_bytes(b"state")
        checkpoints.complete(folder, 10, epoch=1.0, resumable=True)
        study.end(record.trial_id, "completed")
    return study


def moved_away(path: Path, tmp_path: Path) -> Path:
    """`path`, now a link to where it was moved."""
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    return elsewhere


def trial_id(study: Study, tmp_path: Path) -> None:
    path = study.paths.trial("mine-0000") / "trial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "trial_id": "../../x"}))


def another_id(study: Study, tmp_path: Path) -> None:
    path = study.paths.trial("mine-0000") / "trial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "trial_id": "mine-0001"}))


def trial_link(study: Study, tmp_path: Path) -> None:
    moved_away(study.paths.trial("mine-0000"), tmp_path)


def trials_link(study: Study, tmp_path: Path) -> None:
    moved_away(study.paths.trials, tmp_path)


def checkpoint_link(study: Study, tmp_path: Path) -> None:
    moved_away(study.paths.checkpoints("mine-0000") / "step-00000010", tmp_path)


def weights_link(study: Study, tmp_path: Path) -> None:
    moved_away(study.paths.checkpoints("mine-0000") / "step-00000010" / "model.safetensors", tmp_path)


def base_link(study: Study, tmp_path: Path) -> None:
    (study.paths.root / "base_model").symlink_to(tmp_path)


def manifest(study: Study, tmp_path: Path) -> None:
    path = study.paths.checkpoints("mine-0000") / "step-00000010" / MANIFEST
    (tmp_path / "rng_state").mkdir()
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "files": {**content["files"], "rng_state/../../../../../../../kept": 4}}))


@pytest.mark.parametrize(
    "change",
    [trial_id, another_id, trial_link, trials_link, checkpoint_link, weights_link, base_link, manifest],
)
def test_paths_out_of_a_study_are_refused(study: Study, tmp_path: Path, change: Callable[[Study, Path], None]) -> None:
    """When the study is read; the message names the file and the place in it."""
    Study.load(tmp_path / "runs", "mine")
    change(study, tmp_path)
    with pytest.raises(UserError) as caught:
        Study.load(tmp_path / "runs", "mine")
    assert str(tmp_path / "runs" / "mine") in caught.value.problem


def test_links_of_wandb_and_ray_are_ignored(study: Study, tmp_path: Path) -> None:
    """W&B links its newest run."""
    for folder in ("wandb", "ray"):
        (study.paths.root / folder).mkdir()
        (study.paths.root / folder / "latest-run").symlink_to(tmp_path)
    Study.load(tmp_path / "runs", "mine")


@pytest.mark.parametrize("part", ["trial", "trials", "checkpoints"])
def test_nothing_is_deleted_outside_of_the_study(study: Study, tmp_path: Path, part: str) -> None:
    """Also if a folder became a link while the search ran."""
    paths = study.paths
    folder = {
        "trial": paths.trial("mine-0000"),
        "trials": paths.trials,
        "checkpoints": paths.checkpoints("mine-0000"),
    }[part]
    elsewhere = moved_away(folder, tmp_path)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(UserError, match="leads to"):
        retention.remove_unneeded_checkpoints(study)
    assert sorted(elsewhere.rglob("*")) == before


def test_tables_are_in_the_storage_folder(study: Study, tmp_path: Path) -> None:
    """Or its cache, which may be a link; other places are refused, with what to do if the study was copied."""
    storage, outside = tmp_path / "runs", tmp_path / "outside"
    written = {"splits": {}, "task_options": {}, "scored_with": "", "remarks": []}
    for folder in (storage / ".cache" / "1", outside, study.paths.base_model()):
        folder.mkdir(parents=True)

    def material(variant: str, table: Path) -> Material | None:
        study.paths.data.write_text(
            json.dumps({**written, "tables": {variant: {"train": str(table), "dev": str(table)}}})
        )
        return Material.load(study.paths)

    assert material("", storage / ".cache" / "1") is not None
    with pytest.raises(UserError, match=r"data\.json: the table of train") as caught:
        material("", outside)
    assert "resume makes the tables again" in caught.value.todo
    with pytest.raises(UserError, match="not a plain file name"):
        material("../../x", storage / ".cache" / "1")
    (storage / ".cache" / "1").rmdir()
    (storage / ".cache").rmdir()
    (storage / ".cache").symlink_to(outside)  # a cache that the user put on another disk
    assert material("", outside) is not None


def test_the_name_of_a_tokenizer_cannot_lead_out(study: Study) -> None:
    """It comes from a trial's configuration."""
    with pytest.raises(UserError, match="not a plain file name"):
        study.paths.base_model("../../x")
