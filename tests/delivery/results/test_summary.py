"""The summary of a study: written, read back, and read from the file that the version before wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from corpora.splits import SplitFile
from delivery.results.scores import Score
from delivery.results.summary import VERSION, Confusion, Failure, Summary, TrialCounts
from foundation.errors import UserError
from tests.delivery.results.summaries import BEST, PRUNED_DEFAULT, a_summary

TEST = Score(metrics={"rouge_sum": 1.25}, rows=200, rouge_tokenizer="whitespace", seconds=0.7)
WHOLE = a_summary(
    trials=TrialCounts(3, 1, 1, 1, 0),
    best=BEST,
    default=PRUNED_DEFAULT,
    test=TEST,
    failures=[Failure("s-0002", "NaN", {"num_beams": 1}, trace=None, log="/runs/s/log.txt", alone="python -m …")],
    data={"train": SplitFile("/data/train.csv", 2000, "4dd9")},
    best_model="/runs/s/best_model",
    confusion=Confusion(["0", "1"], [[12, 9], [2, 17]]),
)

#: As version 1 wrote it, before files had a version: the same fields, no `confusion` unless there are classes.
OLD = {
    "study": "oldtune",
    "space": "kobart",
    "task": "summarisation",
    "model": "scratch:tiny",
    "metric": "rouge_sum",
    "mode": "max",
    "rouge_tokenizer": "kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0)",
    "trials": {"total": 2, "completed": 1, "pruned": 0, "failed": 1, "unfinished": 0},
    "best": {
        "trial": "oldtune-0001",
        "value": 1.05,
        "config": {"num_train_epochs": 3, "num_beams": 1},
        "epoch": 3.0,
        "metrics": {"rouge_sum": 1.05, "gen_len": 19.4},
    },
    "default": {"trial": "oldtune-0000", "value": None, "status": "failed", "epoch": 0.0, "best_by_then": None},
    "test": {
        "rouge_1": 0.41,
        "rouge_sum": 1.0535,
        "rows": 200,
        "rouge_tokenizer": "kiwi-morphemes (kiwipiepy 0.24.1, model 0.24.0)",
        "seconds": 0.7,
    },
    "failures": [
        {
            "trial": "oldtune-0000",
            "reason": "the loss is NaN",
            "config": {"num_beams": 2},
            "trace": None,
            "log": "/runs/oldtune/log.txt",
            "alone": "python -m trainables.training.trial /runs/oldtune/trials/oldtune-0000/job.json",
        }
    ],
    "slots": 2,
    "worker_groups_started": 2,
    "wall_seconds": 107.0,
    "data": {"train": {"path": "/runs/oldtune/sample_data/train.csv", "rows": 2000, "sha256": "4dd9"}},
    "versions": {"kotune": "0.1.0", "torch": "2.13.0+cpu"},
    "best_model": "/runs/oldtune/best_model",
}


def test_a_summary_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """With every nested part."""
    WHOLE.save(tmp_path / "summary.json")
    assert Summary.load(tmp_path / "summary.json") == WHOLE
    assert Summary.load(tmp_path / "none.json") is None


def test_the_file_shows_the_metrics_of_the_test_score_beside_its_other_fields(tmp_path: Path) -> None:
    """Scripts read `summary["test"]["rouge_sum"]`; a task without classes has no labels there."""
    WHOLE.save(tmp_path / "summary.json")
    content = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert content["version"] == VERSION
    assert content["test"] == {"rouge_sum": 1.25, "rows": 200, "rouge_tokenizer": "whitespace", "seconds": 0.7}


def test_a_summary_of_version_1_is_read(tmp_path: Path) -> None:
    """It has no version field."""
    (tmp_path / "summary.json").write_text(json.dumps(OLD), encoding="utf-8")
    summary = Summary.load(tmp_path / "summary.json")
    assert summary is not None
    assert summary.version == VERSION
    assert summary.trials == TrialCounts(2, 1, 0, 1, 0)
    assert summary.test is not None
    assert summary.test.metrics == {"rouge_1": 0.41, "rouge_sum": 1.0535}
    assert summary.failures[0].reason == "the loss is NaN"
    assert {**summary.to_json(), "version": None} == {
        **OLD,
        "confusion": None,
        "default": {**OLD["default"], "name": "recipe default"},  # type: ignore[dict-item]
        "notes": [],
        "warnings": [],
        "version": None,
        "failures": [
            {name: value for name, value in OLD["failures"][0].items() if value is not None}  # type: ignore[index]
        ],
    }


def test_a_summary_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """The message says which versions are read."""
    (tmp_path / "summary.json").write_text(json.dumps({**OLD, "version": VERSION + 1, "new": 1}), encoding="utf-8")
    with pytest.raises(UserError, match=f"has version {VERSION + 1}") as caught:
        Summary.load(tmp_path / "summary.json")
    assert "update kotune" in caught.value.todo


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"wall_seconds": "long"}, "wall_seconds is 'long'"),
        ({"test": {"rouge_sum": 1.0}}, "summary.json: test: rows is missing"),
        ({"test": []}, r"test is \[\]"),
        ({"trials": None}, "trials is None"),
        ({"color": 1}, "unknown field 'color'"),
        ({"version": "2"}, "version is '2'"),
    ],
)
def test_a_damaged_summary_is_refused(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    """The message names the field, and says that the file can be deleted."""
    (tmp_path / "summary.json").write_text(json.dumps({**OLD, **change}), encoding="utf-8")
    with pytest.raises(UserError, match=problem) as caught:
        Summary.load(tmp_path / "summary.json")
    assert "delete it" in caught.value.todo


def test_an_exported_summary_names_no_folder_of_this_machine() -> None:
    """Neither data, logs, traces nor the study's own folder."""
    exported = WHOLE.for_export()
    assert exported.data["train"].path == "train.csv"
    assert exported.to_json()["failures"] == [{"trial": "s-0002", "reason": "NaN", "config": {"num_beams": 1}}]
    assert replace(exported, data=WHOLE.data, failures=WHOLE.failures, best_model=WHOLE.best_model) == WHOLE
