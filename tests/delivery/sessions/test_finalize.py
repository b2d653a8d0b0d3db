"""The end of a session: what is exported and what is scored, with an export and scores made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from corpora.splits import Split, Splits
from delivery.results.scores import Score
from delivery.results.summary import Confusion, Summary
from delivery.sessions import finalize as module
from delivery.sessions.finalize import finalize
from foundation.statuses import SessionEnd
from tests.delivery.results.summaries import BEST, a_summary
from tests.tuning.studies.studies import SPACE
from tuning.studies.material import Material
from tuning.studies.study import Study

DEV, TEST = ([{"source": "a", "target": "0"}], [{"source": "b", "target": "1"}])
SUMMARY = a_summary(best=replace(BEST, config={"per_device_eval_batch_size": 7}), best_model="mine/best_model")
CLASSES = ["0", "1"]


class Ended:
    """The end of a session of a study with a test split; `exported` and `scored` are what it did."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, classes: list[str]) -> None:
        self.exported: list[Summary] = []
        self.scored: list[tuple[object, int]] = []
        self.study, self._classes = Study.create(SPACE, folder, "mine"), classes
        task = SimpleNamespace(classes=classes)
        monkeypatch.setattr(module, "export", self._export)
        monkeypatch.setattr(module, "open_model", lambda folder, options: SimpleNamespace(task=task))
        monkeypatch.setattr(module, "score", self._score)

    def _export(self, study: Study, material: Material, summary: Summary) -> Path:
        self.exported.append(summary)
        return study.paths.best_model

    def _score(self, model: object, rows: Sequence[Any], batch_size: int) -> Score:
        self.scored.append((rows, batch_size))
        counts = [[1, 0], [0, 0]] if self._classes else None
        return Score(
            metrics={"accuracy": 0.5}, labels=self._classes or None, confusion=counts, rows=1, rouge_tokenizer=None,
            seconds=1.0,
        )  # fmt: skip

    def finalize(self, summary: Summary, end: SessionEnd = SessionEnd.DONE, *, test: bool = True) -> Summary:
        train, dev = Split([], "train.tsv", ""), Split(DEV, "dev.tsv", "")
        splits = Splits(train, dev, Split(TEST, "test.tsv", "") if test else None, [], learnable=[])
        return finalize(self.study, Material({}, {}, {}, "", []), splits, summary, end)


@pytest.fixture(params=[CLASSES, []], ids=["classes", "texts"])
def ended(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """The end of a classification, and of a task without classes."""
    return Ended(tmp_path, monkeypatch, request.param)


def test_a_study_without_a_model_exports_nothing(ended: Ended) -> None:
    """Every trial failed."""
    assert ended.finalize(a_summary()) == a_summary()
    assert (ended.exported, ended.scored) == ([], [])


def test_the_export_has_the_scores_of_the_exported_model(ended: Ended) -> None:
    """It is exported, scored with the batch size of its trial, and exported again with its scores in the card."""
    summary = ended.finalize(SUMMARY)
    has_classes = bool(ended._classes)
    assert ended.scored == [(DEV, 7)] * has_classes + [(TEST, 7)]
    assert summary.confusion == (Confusion(CLASSES, [[1, 0], [0, 0]]) if has_classes else None)
    assert summary.test is not None
    assert summary.test.metrics == {"accuracy": 0.5}
    assert ended.exported == [SUMMARY, summary]
    assert (ended.study.paths.root / "confusion_dev.png").exists() == has_classes


def test_test_rows_are_scored_once(ended: Ended) -> None:
    """The best model of an earlier session is still the best, and keeps its score."""
    test = Score(metrics={"accuracy": 0.25}, rows=1, rouge_tokenizer=None, seconds=1.0)
    assert ended.finalize(replace(SUMMARY, test=test)).test == test
    assert (TEST, 7) not in ended.scored


def test_a_study_without_test_rows_has_no_test_score(ended: Ended) -> None:
    """Dev is still scored for the confusion matrix."""
    assert ended.finalize(SUMMARY, test=False).test is None
    assert ended.scored == [(DEV, 7)] * bool(ended._classes)


def test_an_interrupted_session_only_exports(ended: Ended) -> None:
    """The user waits, and the next session scores."""
    assert ended.finalize(SUMMARY, SessionEnd.INTERRUPTED) == SUMMARY
    assert (ended.exported, ended.scored) == ([SUMMARY], [])


def test_a_spent_time_budget_still_scores(ended: Ended) -> None:
    """Nobody waits for it, and it may be the last session."""
    assert ended.finalize(SUMMARY, SessionEnd.TIME_BUDGET).test is not None
