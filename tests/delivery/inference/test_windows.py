"""Predictions in windows: the same as of all rows together, also after an interruption."""

from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from corpora.table_rows import Refused
from delivery.inference import parallel, windows
from delivery.inference import predict as predictions
from delivery.inference.options import ModelOptions
from delivery.inference.predict import predict_file, predict_lines
from delivery.inference.rows import RowStream, read_rows
from delivery.inference.settings import ModelSettings
from delivery.inference.windows import Window, windows_of
from foundation import partial_files
from foundation.errors import UserError
from search_spaces.choices import BrokenRows
from search_spaces.schema import Columns
from tests.delivery.conftest import Trained
from trainables.tasks.prediction_format import PredictionFormat

_SHARES = PredictionFormat(probabilities=True)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of two batches, each of which is flushed at once."""
    monkeypatch.setattr(windows, "_ROWS", 4)
    monkeypatch.setattr(windows, "_BATCHES", 2)
    monkeypatch.setattr(partial_files, "_SECONDS", 0)


def test_windows_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows, refused ones as well, and characters; whole batches."""
    rows = [{"source": "가" * length} for length in (1, 1, 50, 1, 1, 1, 1)]
    monkeypatch.setattr(windows, "_ROWS", 4)
    monkeypatch.setattr(windows, "_BATCHES", 1)
    assert [len(window.rows) for window in windows_of(rows, 3)] == [3, 3, 1]
    monkeypatch.setattr(windows, "_CHARACTERS", 50)
    assert [len(window.rows) for window in windows_of(rows, 4)] == [3, 4]
    refused = [Refused(number, "") for number in range(5)]
    assert [len(window.refused) for window in windows_of(refused, 4)] == [4, 1]
    assert list(windows_of([], 4)) == []
    assert Window() == Window([], [])


def _threads(number: int, _: Any, start: Any, arguments: Any) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, initializer=start, initargs=arguments)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_resumed_output_is_the_same_file(
    workers: int, cnn: Trained, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted twice; the classes are those of one window."""
    out = tmp_path / "out.csv"
    monkeypatch.setattr(parallel, "devices", lambda workers: ["cpu"] * workers)
    # Threads in the place of processes, which test_predict.py starts.
    monkeypatch.setattr(parallel, "ProcessPoolExecutor", _threads)
    monkeypatch.setattr(parallel.torch, "set_num_threads", lambda number: None)

    def run(*, resume: bool) -> int:
        return predict_file(cnn.model, cnn.files["test"], out, 2, _SHARES, workers=workers, resume=resume)

    assert run(resume=False) == 23
    whole = out.read_bytes()
    out.unlink()
    real = partial_files.PartialFile.complete
    for attempt in range(2):
        with monkeypatch.context() as patch:

            def interrupted(self: partial_files.PartialFile, rows: int, most: int = 8 * (attempt + 1)) -> None:
                real(self, rows)
                if self.rows >= most:
                    self.text.write("half a ro")
                    raise KeyboardInterrupt

            patch.setattr(partial_files.PartialFile, "complete", interrupted)
            with pytest.raises(KeyboardInterrupt):
                run(resume=attempt > 0)
        assert sorted(os.listdir(tmp_path)) == [".out.csv.partial", ".out.csv.partial.json"]
    with pytest.raises(UserError, match="was written with other options"):
        predict_file(cnn.model, cnn.files["test"], out, 4, _SHARES, workers=workers, resume=True)
    assert run(resume=True) == 23
    assert out.read_bytes() == whole
    assert os.listdir(tmp_path) == ["out.csv"]


def test_refused_lines_are_named(cnn: Trained, small: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the file, when their window is written; the ids count them."""
    lines = cnn.files["test"].read_text(encoding="utf-8").splitlines()[:7]
    path = tmp_path / "in.tsv"
    path.write_text("\n".join([*lines[:5], "\t", *lines[5:], "긍정"]) + "\n", encoding="utf-8")
    options = ModelOptions(("data.broken_rows=skip",))
    assert predict_file(cnn.model, path, tmp_path / "o.tsv", 2, PredictionFormat(), options=options) == 7
    ids = [line.split("\t")[0] for line in (tmp_path / "o.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    assert ids == ["1", "2", "3", "4", "5", "7", "8"]
    assert "line 6 skipped" in (error := capsys.readouterr().err)
    assert "line 9 skipped" in error


def test_long_texts_are_refused(cnn: Trained, tmp_path: Path) -> None:
    """By a limit that can be set, in files and lines."""
    path = tmp_path / "in.tsv"
    path.write_text("긍정\t" + "가" * 30 + "\n긍정\t좋아요\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 1: 'text' has 30 characters, and 20 are allowed"):
        predict_file(cnn.model, path, tmp_path / "o.csv", 2, PredictionFormat(), longest=20)
    lines = io.StringIO("좋아요\n" + "가" * 30)
    with pytest.raises(UserError, match=r"line 2 of the input has 30 characters[\s\S]*--max-characters"):
        predict_lines(cnn.model, lines, io.StringIO(), 2, PredictionFormat(), longest=20)
    assert not (tmp_path / "o.csv").exists()


def test_resume_needs_a_file(cnn: Trained) -> None:
    """Standard output cannot be continued."""
    with pytest.raises(UserError, match="--resume without --out"):
        predict_file(cnn.model, cnn.files["test"], None, 2, PredictionFormat(), resume=True)
    with pytest.raises(UserError, match="--resume with lines of standard input"):
        predictions.predict(cnn.model, "-", None, 2, PredictionFormat(), resume=True)


@pytest.mark.parametrize("others", [["body"], ["head", "body"]])
def test_the_stream_of_an_ensemble_has_the_rows_of_the_split(others: list[str], tmp_path: Path) -> None:
    """Members that read other columns skip other rows."""

    def settings(source: str) -> ModelSettings:
        return ModelSettings(
            study="s",
            task="classification",
            task_options={},
            columns=Columns(source=source, target="label"),
            broken_rows=BrokenRows.SKIP,
            max_source_length=8,
            max_target_length=8,
        )

    path = tmp_path / "a.tsv"
    path.write_text("head\tbody\tlabel\n가\t나\t0\n\t다\t1\n라\t\t0\n마\t바\t1\n", encoding="utf-8")
    members = [settings("head"), *map(settings, others)]
    split, stream = read_rows(members, path, targets=False), RowStream(members, path)
    assert list(stream.texts()) == split.rows
    assert [entry for entry in stream if isinstance(entry, Refused)] == list(split.refused)
    assert stream.sha256 == split.sha256
