"""Data files of studies that an earlier version created with relative paths."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from foundation.errors import UserError
from search_spaces.schema import Space
from tests.tuning.studies.studies import SPACE
from tuning.studies.earlier_versions import locate_data_files, stored_task_options
from tuning.studies.study import Study

_CONTENT = "label\ttext\n"


def old_study(folder: Path, recorded: str | None, sha256: str = "") -> Study:
    """A study whose training file was typed as `a.tsv`; `recorded` is its path in `data.json`, if that exists."""
    study = Study.create(replace(SPACE, data=replace(SPACE.data, train="a.tsv", embedded=False)), folder, "mine")
    if recorded is not None:
        split = {"path": recorded, "rows": 1, "sha256": sha256 or hashlib.sha256(_CONTENT.encode()).hexdigest()}
        study.paths.data.write_text(json.dumps({"splits": {"train": split}}), encoding="utf-8")
    return Study.load(folder, "mine")


def located(study: Study) -> Space:
    return locate_data_files(study.space, study.paths)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the command, which holds the file."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "a.tsv").write_text(_CONTENT, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_the_recorded_path_comes_first(elsewhere: Path, tmp_path: Path) -> None:
    """Any working directory will do, if the file is still there."""
    (tmp_path / "a.tsv").write_text(_CONTENT, encoding="utf-8")
    assert located(old_study(tmp_path / "runs", str(tmp_path / "a.tsv"))).data.train == str(tmp_path / "a.tsv")


def test_the_working_directory_comes_second(elsewhere: Path, tmp_path: Path) -> None:
    """The folder was moved since: the content is the recorded one."""
    assert located(old_study(tmp_path / "runs", "/gone/a.tsv")).data.train == str(elsewhere / "a.tsv")


def test_a_study_without_a_record_takes_the_working_directory(elsewhere: Path, tmp_path: Path) -> None:
    """It was interrupted before its first trial, so no trial could be compared with other data."""
    assert located(old_study(tmp_path / "runs", None)).data.train == str(elsewhere / "a.tsv")


def test_another_file_of_that_name_is_refused(elsewhere: Path, tmp_path: Path) -> None:
    """Its content is not the recorded one."""
    with pytest.raises(UserError, match=r"a\.tsv is not the train file of study 'mine'"):
        located(old_study(tmp_path / "runs", "/gone/a.tsv", sha256="0" * 64))


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message shows the option that names its new place."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no a\.tsv in") as caught:
        located(old_study(tmp_path / "runs", "/gone/a.tsv"))
    assert "/gone/a.tsv" in str(caught.value)
    assert caught.value.todo.endswith("--train FILE")


def test_a_missing_file_with_an_absolute_path_is_named_once(tmp_path: Path) -> None:
    """As new studies store it. It is not searched: `study.yaml` may name another file on purpose."""
    gone = str(tmp_path / "gone.tsv")
    study = Study.create(replace(SPACE, data=replace(SPACE.data, train=gone, embedded=False)), tmp_path, "mine")
    (tmp_path / "other.tsv").write_text(_CONTENT, encoding="utf-8")
    split = {"path": str(tmp_path / "other.tsv"), "rows": 1, "sha256": ""}
    study.paths.data.write_text(json.dumps({"splits": {"train": split}}), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        located(study)
    assert caught.value.problem == f"the train file of study 'mine' is missing: no {gone}"


def test_files_in_the_study_stay(tmp_path: Path) -> None:
    """An embedded sample and copies in a bucket move with their study."""
    study = old_study(tmp_path / "runs", None)
    (study.paths.root / "a.tsv").write_text(_CONTENT, encoding="utf-8")
    assert located(study) is study.space


@pytest.mark.parametrize(
    ("scored_with", "counted"),
    [("kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0)", "kiwi_split_tags"), ("kiwi-morphemes-tags (x)", "kiwi")],
)
def test_a_study_keeps_its_tokenizer_of_scores(scored_with: str, counted: str) -> None:
    """Trials before and after `resume` are counted alike, although `kiwi` now keeps speaker tags whole."""
    assert stored_task_options({"rouge_tokenizer": "kiwi"}, scored_with) == {"rouge_tokenizer": counted}
    assert stored_task_options({"rouge_tokenizer": "syllable"}, scored_with) == {"rouge_tokenizer": "syllable"}
    assert stored_task_options({"labels": ["0"]}, "") == {"labels": ["0"]}
