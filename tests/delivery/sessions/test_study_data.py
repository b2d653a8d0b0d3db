"""The files and folders that a study was started with, when a later session reads them."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from delivery.sessions import session
from delivery.sessions.study_data import (
    check_edits,
    check_folders,
    check_unchanged,
    load_material,
    save_paths,
    with_new_paths,
)
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from tests.delivery.conftest import Trained
from tuning import preparation
from tuning.studies.material import Material
from tuning.studies.origin import folder_hash
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


def resume(study: Study, **moved: str) -> SessionEnd:
    """Resumes a study with new paths of files and folders."""
    return session.resume(study.name, storage_at(study.paths.root.parent), io.StringIO(), moved=moved).end


@pytest.fixture
def study(cnn: Trained, tmp_path: Path) -> Study:
    """A finished study whose training file was moved to `moved.txt`, and that was copied without its cache."""
    shutil.copytree(cnn.storage / cnn.name, tmp_path / "runs" / "mine", ignore=shutil.ignore_patterns(".running*"))
    copied = Study.load(tmp_path / "runs", "mine")
    data = replace(copied.space.data, train=str(tmp_path / "gone.txt"))
    copied.change_space(replace(copied.space, data=data))
    text = copied.paths.data.read_text(encoding="utf-8")
    copied.paths.data.write_text(text.replace(str(cnn.files["train"]), str(data.train)), encoding="utf-8")
    shutil.copyfile(cnn.files["train"], tmp_path / "moved.txt")
    return copied


def test_a_file_that_was_moved_is_named_again(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message shows the option; a relative path is written as an absolute one, so that it is needed once."""
    with pytest.raises(UserError, match=r"the train file of study 'mine' is missing: no .*gone\.txt") as caught:
        resume(study)
    assert caught.value.todo.endswith("--train FILE")
    monkeypatch.chdir(tmp_path)
    assert resume(study, train="moved.txt") is SessionEnd.DONE
    monkeypatch.chdir("/")
    assert resume(study) is SessionEnd.DONE
    material = Material.load(study.paths)
    assert material is not None
    assert material.splits["train"].path == Study.load(tmp_path / "runs", "mine").space.data.train
    assert material.splits["train"].path == str(tmp_path / "moved.txt")


def test_a_file_with_other_content_is_refused(study: Study, tmp_path: Path) -> None:
    """Trials before and after would not compare."""
    with (tmp_path / "moved.txt").open("a", encoding="utf-8") as file:
        file.write("0\t그저 그래요\n")
    before = {path: path.read_bytes() for path in (study.paths.space, study.paths.data)}
    with pytest.raises(UserError, match=r"moved\.txt: its content is not that of the train file"):
        resume(study, train=str(tmp_path / "moved.txt"))
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("moved", "message"),
    [
        ({"train": "/nowhere.txt"}, "there is no such file"),
        ({"model": "/"}, "has no model in a folder, but scratch:tiny"),
        ({"rdass_encoder": "/"}, "has no rdass_encoder in a folder"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(study: Study, moved: Mapping[str, str], message: str) -> None:
    """The study has no such file or folder."""
    with pytest.raises(UserError, match=message):
        with_new_paths(study, study.space, moved, None)


def test_an_encoder_that_was_moved_is_named_again(study: Study, tmp_path: Path) -> None:
    """All later scores are those of the same encoder: by its content, wherever it is."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "weights").write_bytes(b"1")
    recorded = load_material(study)
    assert recorded is not None
    hashes = {"rdass_encoder": folder_hash(tmp_path / "new")}
    options = {**recorded.task_options, "rdass_encoder": str(tmp_path / "old")}
    material = Material(recorded.splits, options, recorded.tables, "", [], {}, hashes)
    study.change_space(replace(study.space, rdass_encoder=str(tmp_path / "old")), save=False)
    with pytest.raises(UserError, match="the rdass_encoder of study 'mine' is missing") as caught:
        check_folders(study, material)
    assert caught.value.todo.endswith("--rdass-encoder FOLDER")
    moved = {"rdass_encoder": str(tmp_path / "new"), "train": str(tmp_path / "moved.txt")}
    study.change_space(with_new_paths(study, study.space, moved, material), save=False)
    check_folders(study, material)
    present = check_unchanged(study, material, preparation.read(study.space))
    assert present.task_options["rdass_encoder"] == study.space.rdass_encoder == str(tmp_path / "new")
    save_paths(study, present, material)
    assert Material.load(study.paths) == present
    (tmp_path / "new" / "weights").write_bytes(b"2")
    with pytest.raises(UserError, match="the rdass_encoder of study 'mine' has changed"):
        check_folders(study, material)
    with pytest.raises(UserError, match="content is not that of the rdass_encoder folder"):
        with_new_paths(study, study.space, moved, material)


def test_a_setting_of_all_trials_stays(study: Study, tmp_path: Path) -> None:
    """A filter, say, decides what a trial learns, and `study.yaml` may be edited."""
    saved = yaml.safe_load(study.paths.space.read_text(encoding="utf-8"))
    saved["filters"]["min_length"] = 3
    study.paths.space.write_text(yaml.safe_dump(saved, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UserError, match=r"study\.yaml: filters\.min_length is 3, and was None"):
        resume(study, train=str(tmp_path / "moved.txt"))


def test_a_base_model_is_made_again_only_as_it_was(study: Study, tmp_path: Path) -> None:
    """From fresh weights it is the same; another seed, for example, gives another model, and is refused."""
    shutil.rmtree(study.paths.root / "base_model")
    assert resume(study, train=str(tmp_path / "moved.txt")) is SessionEnd.DONE
    (base,) = (study.paths.root / "base_model").iterdir()
    shutil.rmtree(base)
    material = Material.load(study.paths)
    assert material is not None
    name = f"base_model/{base.name}"
    Material(
        material.splits, material.task_options, material.tables, "", [], material.settings, {name: "another"}
    ).save(study.paths)
    with pytest.raises(UserError, match="gives another model than the one that the trials started from"):
        resume(study)
    assert not base.exists()


def test_trials_without_the_hashes_of_their_data_are_not_continued(study: Study) -> None:
    """Nothing tells whether the data is the same."""
    study.paths.data.unlink()
    with pytest.raises(UserError, match=r"has trials, and no .*data\.json"):
        resume(study)


def test_an_edited_space_is_checked_and_prepared(study: Study, tmp_path: Path) -> None:
    """A configuration that cannot be trained is refused by its file; another tokenizer gets its base model."""
    train = str(tmp_path / "moved.txt")
    assert resume(study, train=train) is SessionEnd.DONE
    study = Study.load(tmp_path / "runs", "mine")
    recorded = load_material(study)
    assert recorded is not None
    assert check_edits(study, recorded) == ""
    fixed = study.space.fixed
    study.change_space(replace(study.space, fixed={**fixed, "optim": "adamw_8_bits"}))
    with pytest.raises(UserError, match=r"study\.yaml: .*adamw_8_bits"):
        resume(study)
    study.change_space(replace(study.space, fixed={**fixed, "tokenizer_kind": "whitespace", "vocabulary": None}))
    assert check_edits(study, recorded).startswith("study.yaml was edited")
    assert resume(study) is SessionEnd.DONE
    material = Material.load(study.paths)
    assert material is not None
    assert {*material.tables} == {*recorded.tables, "whitespace"}
    assert preparation.is_prepared(study, material)
    assert not preparation.is_prepared(study, recorded)
