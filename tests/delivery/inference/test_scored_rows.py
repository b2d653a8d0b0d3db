"""The table of `evaluate --out`: a row for each row of the file, with scores whose means are the metrics."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from delivery.exports.ensemble import make_ensemble
from delivery.inference.options import ModelOptions
from delivery.inference.predictor import Batches
from delivery.inference.scoring import evaluate, score_rows, write_rows
from delivery.inference.settings import ModelSettings
from foundation.errors import UserError
from search_spaces.schema import Columns
from tests.delivery.conftest import Trained
from trainables.tasks.registry import make_task
from trainables.text.subword_tokenizers import train_subwords

#: Column of a row -> the metric that is its mean.
MEANS = {
    **{name: name for name in ("rouge_1", "rouge_2", "rouge_l", "rouge_sum", "exact_match", "corrected")},
    "correct": "accuracy",
    "squared_error": "mse",
    "absolute_error": "mae",
}


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_means(rows: list[dict[str, str]], metrics: Mapping[str, Any]) -> set[str]:
    """Checks that the mean of each column of scores is its metric, and returns the metrics."""
    columns = rows[0].keys() & MEANS.keys()
    for column in columns:
        assert sum(float(row[column]) for row in rows) / len(rows) == pytest.approx(metrics[MEANS[column]]), column
    return {MEANS[column] for column in columns}


class Writer:
    """A model with fixed outputs, the last one first: several processes answer in any order, too."""

    def __init__(self, outputs: list[str], **options: Any) -> None:
        columns, limits = Columns(), {"max_source_length": 8, "max_target_length": 8}
        self.settings = ModelSettings(study="s", task="seq2seq", task_options={}, columns=columns, **limits)
        self.members, self.remarks, self._outputs = [self.settings], (), outputs
        self.task = make_task("seq2seq", {"rouge_tokenizer": "whitespace", **options})
        self.tokenizer = train_subwords(["긍정 부정"], 20)

    def predict(self, rows: Any, batch_size: int) -> Batches:
        yield from ([pair] for pair in reversed([*enumerate(self._outputs)]))


def written(model: Any, rows: list[dict[str, str]], path: Path) -> tuple[list[dict[str, str]], Mapping[str, float]]:
    """The table of a model for rows, and its metrics."""
    numbered = [{"id": f"r{number}", **row} for number, row in enumerate(rows)]
    scored = score_rows(model, numbered, 4, "the file")
    write_rows(path, model.task, scored)
    return read(path), scored.score.metrics


def test_texts_have_their_rouge(tmp_path: Path) -> None:
    """BLEU is of all rows together, and stands in no row. Line breaks and formulas are read back."""
    rows = [
        {"source": "=1+1\n둘", "target": "가 나 다"},
        {"source": "셋", "target": "라"},
        {"source": "넷", "target": "마 바"},
    ]
    table, metrics = written(Writer(["가 나", "라", "사"]), rows, tmp_path / "rows.csv")
    assert [row["id"] for row in table] == ["r0", "r1", "r2"]
    assert [(row["source"], row["reference"]) for row in table] == [(row["source"], row["target"]) for row in rows]
    assert [row["prediction"] for row in table] == ["가 나", "라", "사"]
    # Two of three words: precision 1, recall 2/3, F1 0.8.
    assert float(table[0]["rouge_1"]) == pytest.approx(0.8)
    assert check_means(table, metrics) == {"rouge_1", "rouge_2", "rouge_l", "rouge_sum", "exact_match"}
    assert not [name for name in table[0] if "bleu" in name]


@pytest.mark.parametrize("scores", ["mean", "best"])
def test_several_references_have_a_column_each(scores: str, tmp_path: Path) -> None:
    """A row with fewer has empty cells."""
    rows = [
        {"source": "하나", "target": "가 나", "target_2": "가", "target_3": "나 다"},
        {"source": "둘", "target": "라"},
    ]
    table, metrics = written(Writer(["가 나", "라 마"], reference_scores=scores), rows, tmp_path / "rows.csv")
    assert [[row[name] for name in ("reference", "reference_2", "reference_3")] for row in table] == [
        ["가 나", "가", "나 다"],
        ["라", "", ""],
    ]
    assert "rouge_1" in check_means(table, metrics)


def test_corrected_labels_are_told_from_right_ones(tmp_path: Path) -> None:
    """The prediction is the label; `corrected` says that the text was none."""
    rows = [{"source": "가", "target": target} for target in ("긍정", "부정", "부정")]
    table, metrics = written(Writer(["긍정", "긍졍", "부정"], labels=["긍정", "부정"]), rows, tmp_path / "rows.csv")
    assert [(row["prediction"], row["correct"], row["corrected"]) for row in table] == [
        ("긍정", "1", "0"),
        ("긍정", "0", "1"),
        ("부정", "1", "0"),
    ]
    assert check_means(table, metrics) >= {"accuracy", "corrected"}


def test_rdass_of_each_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its mean is the metric."""
    vectors = {"가": [1.0, 0.0], "나": [0.0, 1.0], "다": [1.0, 1.0]}
    encoder = SimpleNamespace(encode=lambda texts: np.array([vectors[text] for text in texts]))
    monkeypatch.setattr("trainables.tasks.seq2seq._sentence_encoder", lambda source: encoder)
    rows = [{"source": "가", "target": "나"}, {"source": "다", "target": "다"}]
    table, metrics = written(Writer(["나", "다"], rdass_encoder="some"), rows, tmp_path / "rows.csv")
    # Row 0: the reference itself and at right angles to the document; row 1: both the same.
    assert [float(row["rdass"]) for row in table] == pytest.approx([0.5, 1.0])
    assert metrics["rdass"] == pytest.approx(0.75)


def test_numbers_have_their_errors_and_both_texts(sts: Trained, tmp_path: Path) -> None:
    """Correlations are of all rows together, and stand in no row; errors are those of unrounded numbers."""
    metrics = evaluate(sts.model, sts.files["test"], 3, out=tmp_path / "rows.csv")
    table = read(tmp_path / "rows.csv")
    assert [*table[0]] == ["id", "source", "pair", "reference", "prediction", "squared_error", "absolute_error"]
    assert [row["id"] for row in table] == [f"test_{number}" for number in range(8)]
    assert check_means(table, metrics) == {"mse", "mae"}
    for row in table:
        error = float(row["prediction"]) - float(row["reference"])
        assert float(row["absolute_error"]) == pytest.approx(abs(error), abs=1e-6)


def test_classes_of_an_ensemble(cnn: Trained, rnn: Trained, tmp_path: Path) -> None:
    """The probabilities are the means of the members'."""
    make_ensemble([str(cnn.model), str(rnn.model)], tmp_path, tmp_path / "both", 8)
    tables = {}
    for name, folder in (("cnn", cnn.model), ("rnn", rnn.model), ("both", tmp_path / "both")):
        metrics = evaluate(folder, cnn.files["test"], 8, out=tmp_path / f"{name}.csv")
        tables[name] = read(tmp_path / f"{name}.csv")
        assert check_means(tables[name], metrics) == {"accuracy"}
    for one, other, both in zip(tables["cnn"], tables["rnn"], tables["both"], strict=True):
        mean = (float(one["p(긍정)"]) + float(other["p(긍정)"])) / 2
        assert float(both["p(긍정)"]) == pytest.approx(mean, abs=2e-6)
        assert both["source"] == one["source"]


def test_a_sample_keeps_the_order(cnn: Trained, tmp_path: Path) -> None:
    """`--rows` draws the same rows each time, in the order of the file."""
    texts = [line.split("\t")[1] for line in cnn.files["test"].read_text(encoding="utf-8").splitlines()]
    drawn = []
    for name in ("one.csv", "two.csv"):
        assert evaluate(cnn.model, cnn.files["test"], 2, out=tmp_path / name, rows=9)["rows"] == 9
        drawn.append([(int(row["id"]), row["source"]) for row in read(tmp_path / name)])
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert all(texts[number - 1] == text for number, text in drawn[0])


def test_an_exported_model_reads_other_columns(cnn: Trained, tmp_path: Path) -> None:
    """A file of somebody else, with its own names and labels; what the model learned cannot be changed."""
    lines = [line.split("\t") for line in cnn.files["test"].read_text(encoding="utf-8").splitlines()]
    numbers = {"부정": "0", "긍정": "1"}
    (tmp_path / "other.csv").write_text(
        "감정,리뷰\n" + "".join(f"{numbers[label]},{text}\n" for label, text in lines), encoding="utf-8"
    )
    sets = ("columns.source=리뷰", "columns.target=감정", "data.labels={0: 부정, 1: 긍정}")
    result = evaluate(cnn.model, tmp_path / "other.csv", 8, options=ModelOptions(sets))
    assert result["accuracy"] == evaluate(cnn.model, cnn.files["test"], 8)["accuracy"]
    for options, says in (
        (ModelOptions(("max_source_length=8",)), "the exported model has its own max_source_length"),
        (ModelOptions(task="seq2seq"), "this model was exported for classification"),
        (ModelOptions(tokenizer="some"), "an exported model has its own tokenizer"),
    ):
        with pytest.raises(UserError, match=says):
            evaluate(cnn.model, cnn.files["test"], 8, options=options)


def test_an_ensemble_reads_as_its_members_do(cnn: Trained, tmp_path: Path) -> None:
    """One name for all of them would be wrong for some."""
    make_ensemble([str(cnn.model), str(cnn.model)], tmp_path, tmp_path / "both", 8)
    with pytest.raises(UserError, match="an ensemble reads a file as each of its members does"):
        evaluate(tmp_path / "both", cnn.files["test"], 8, options=ModelOptions(("columns.source=리뷰",)))
