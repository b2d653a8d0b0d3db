"""A study written by the version before (`old_study`) is read: space, record, data and summary."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from delivery.results.summary import VERSION, Summary, TrialCounts
from foundation.statuses import TrialStatus
from tuning.studies import retention
from tuning.studies.material import Material
from tuning.studies.records import RECORD
from tuning.studies.study import Study

OLD_STUDY = Path(__file__).parent / "old_study"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A storage folder with a copy of the old study, the tables it names, and its base model."""
    shutil.copytree(OLD_STUDY, tmp_path / "runs" / "old")
    for folder in (".cache/a07778f7acd672b6", ".cache/04c9430a512b29df", "old/base_model/whitespace-16000"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
    return tmp_path / "runs"


def test_its_space_and_records_are_read(storage: Path) -> None:
    """A record has every field, with the name `sittings` for the number of sessions."""
    study = Study.load(storage, "old")
    (record,) = study.records.values()
    assert (record.trial_id, record.status, record.sessions, record.is_default) == (
        "old-0000",
        TrialStatus.COMPLETED,
        1,
        True,
    )
    assert [(result.order, result.epoch, result.metrics["accuracy"]) for result in record.results] == [
        (1, 1.0, 0.625),
        (2, 2.0, 0.6),
    ]
    assert (study.metric, study.mode, study.space.budget.trials) == ("accuracy", "max", 3)
    assert study.ranked() == [record]
    assert retention.best_saved_trial(study) is None


def test_its_dev_split_stays_as_it_was(storage: Path) -> None:
    """Texts are compared as they were when it was split, also after its space is written again."""
    study = Study.load(storage, "old")
    study.save_space()
    assert Study.load(storage, "old").space.data.split_version == study.space.data.split_version == 1


def test_its_record_is_written_as_it_was(storage: Path) -> None:
    """A session of the new version adds no field that the old one refuses."""
    study = Study.load(storage, "old")
    study.begin(study.records["old-0000"])
    written, original = (root / "trials" / "old-0000" / RECORD for root in (storage / "old", OLD_STUDY))
    assert json.loads(written.read_text(encoding="utf-8")) == json.loads(original.read_text(encoding="utf-8"))


def test_its_data_is_read(storage: Path) -> None:
    """Tables are relative to the storage, so that a study can be moved with it."""
    study = Study.load(storage, "old")
    material = Material.load(study.paths)
    assert material is not None
    assert (material.splits["train"].rows, material.splits["dev"].path) == (360, "/data/a.tsv")
    assert material.tables["whitespace-16000"]["train"] == str(storage.resolve() / ".cache" / "a07778f7acd672b6")
    assert material.task_options == {"labels": ["0", "1"]}
    material.save(study.paths)
    original = json.loads((OLD_STUDY / "data.json").read_text(encoding="utf-8"))
    assert json.loads(study.paths.data.read_text(encoding="utf-8")) == original


def test_data_is_read_without_its_tables(storage: Path) -> None:
    """The cache may be deleted at any time; the hashes of the files stay, and `is_complete` tells that tables miss."""
    paths = Study.load(storage, "old").paths
    before = Material.load(paths)
    assert before is not None
    assert before.is_complete(paths)
    (storage / ".cache" / "04c9430a512b29df").rmdir()
    assert Material.load(paths) == before
    assert not before.is_complete(paths)


def test_its_summary_is_read(storage: Path) -> None:
    """It has no version, and its confusion matrix is on dev."""
    summary = Summary.load(storage / "old" / "summary.json")
    assert summary is not None
    assert summary.version == VERSION
    assert summary.trials == TrialCounts(1, 1, 0, 0, 0)
    assert summary.best is not None
    assert summary.best.epoch == 1.0
    assert summary.confusion is not None
    assert summary.confusion.dev == [[8, 13], [2, 17]]
