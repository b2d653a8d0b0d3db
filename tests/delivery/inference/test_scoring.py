"""Scores of exported models, and ensembles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from delivery.exports.ensemble import make_ensemble
from delivery.inference.predictor import Batches, open_model, predict_all
from delivery.inference.scoring import evaluate, score
from delivery.inference.settings import ModelSettings, read_settings
from foundation.errors import UserError
from search_spaces.schema import Columns
from tests.delivery.conftest import Trained, trained
from trainables.tasks.registry import make_task
from trainables.text.subword_tokenizers import train_subwords


def accuracy_by_hand(trained: Trained, folder: Path, split: str) -> float:
    """The share of rows whose most probable class is theirs."""
    rows = [line.split("\t") for line in trained.files[split].read_text(encoding="utf-8").splitlines()]
    model = open_model(folder, "cpu")
    labels = list(model.task.labels)  # type: ignore[attr-defined]
    result = predict_all(model, [{"source": text} for _, text in rows], 8)
    right = [labels[row.index(max(row))] == label for row, (label, _) in zip(result, rows, strict=True)]
    return sum(right) / len(right)


def test_an_evaluation_gives_the_scores_of_the_training(cnn: Trained) -> None:
    """The dev score of the exported folder is the one that chose it; the test score is that of the summary."""
    dev = evaluate(cnn.model, cnn.files["dev"], 8)
    assert cnn.summary.best is not None
    assert dev["accuracy"] == pytest.approx(cnn.summary.best.value)
    assert dev["accuracy"] == pytest.approx(accuracy_by_hand(cnn, cnn.model, "dev"))
    test = evaluate(cnn.model, cnn.files["test"], 8)
    assert test["accuracy"] == pytest.approx(cnn.summary.test.metrics["accuracy"])
    assert (test["rows"], test["refused"]) == (23, 0)


def test_the_confusion_matrix_counts_every_row(cnn: Trained, tmp_path: Path) -> None:
    """Rows are true classes: their sums are those of the file, the diagonal has the correct ones. It is drawn."""
    result = evaluate(cnn.model, cnn.files["test"], 8, tmp_path / "confusion.png")
    given = [line.split("\t")[0] for line in cnn.files["test"].read_text(encoding="utf-8").splitlines()]
    assert [sum(row) for row in result["confusion"]] == [given.count(label) for label in result["labels"]]
    right = sum(result["confusion"][index][index] for index in range(2))
    assert right / 23 == pytest.approx(result["accuracy"])
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert cnn.summary.confusion is not None
    assert cnn.summary.confusion.labels == result["labels"]
    with pytest.raises(UserError, match=r"--picture .* there is no folder"):
        evaluate(cnn.model, cnn.files["test"], 8, tmp_path / "none" / "confusion.png")


def test_generated_labels_have_a_confusion_matrix() -> None:
    """Two of four outputs are not labels; each counts as the nearest label."""
    task = make_task("seq2seq", {"labels": ["긍정", "부정"], "rouge_tokenizer": "whitespace"})

    class Writer:
        """A model with fixed outputs."""

        def __init__(self) -> None:
            self.settings = ModelSettings(
                study="s",
                task="seq2seq",
                task_options={},
                columns=Columns(),
                max_source_length=8,
                max_target_length=8,
            )
            self.members = [self.settings]
            self.task, self.tokenizer = task, train_subwords(["긍정 부정"], 20)

        def predict(self, rows: Sequence[Any], batch_size: int) -> Batches:
            yield list(enumerate(["긍정", "긍졍", "부정", "부"]))

    rows = [{"source": "가", "target": target} for target in ("긍정", "부정", "부정", "부정")]
    result = score(Writer(), rows, 4)
    assert result.metrics["corrected"] == 0.5
    assert result.metrics["accuracy"] == 0.75
    assert result.confusion == [[1, 0], [1, 2]]


def test_a_file_without_labels_cannot_be_scored(cnn: Trained, tmp_path: Path) -> None:
    """The message names the line."""
    (tmp_path / "half.tsv").write_text("긍정\t좋아요\n\t그냥 그래요\n", encoding="utf-8")
    with pytest.raises(UserError, match="line 2"):
        evaluate(cnn.model, tmp_path / "half.tsv", 8)


def test_an_ensemble_is_the_mean_of_its_members(cnn: Trained, rnn: Trained, tmp_path: Path) -> None:
    """Its probabilities are checked by hand; its dev score is beside theirs; its folder predicts like any other."""
    scores = make_ensemble(["cnn-study", str(rnn.model)], cnn.storage, tmp_path / "both", 8)
    assert set(scores["dev"]) == {"cnn-study", str(rnn.model), "ensemble"}
    assert scores["metric"] == "accuracy"
    assert scores["dev"]["ensemble"]["accuracy"] == pytest.approx(accuracy_by_hand(cnn, tmp_path / "both", "dev"))
    rows = [{"source": text} for text in ("배송이 빨라요", "별로예요", "그냥 그래요 다시는 안 사요")]
    one, other, both = (
        predict_all(open_model(folder, "cpu"), rows, 2) for folder in (cnn.model, rnn.model, tmp_path / "both")
    )
    for row in range(3):
        mean = [(left + right) / 2 for left, right in zip(one[row], other[row], strict=True)]
        assert both[row] == pytest.approx(mean, abs=1e-7)
    assert len(read_settings(tmp_path / "both").members) == 2


def test_members_that_cannot_be_averaged_are_refused(cnn: Trained, sts: Trained, tmp_path: Path) -> None:
    """One member, a regressor, an unknown name, an existing folder."""
    with pytest.raises(UserError, match="of one model"):
        make_ensemble(["cnn-study"], cnn.storage, tmp_path / "out", 8)
    with pytest.raises(UserError, match="is a model for regression"):
        make_ensemble(["cnn-study", "sts-study"], cnn.storage, tmp_path / "out", 8)
    for nothing in ("cn-study", str(tmp_path)):  # a name that is mistyped, a folder without a model
        with pytest.raises(UserError, match="neither a study") as caught:
            make_ensemble(["cnn-study", nothing], cnn.storage, tmp_path / "out", 8)
        assert "cnn-study" in caught.value.allowed
    with pytest.raises(UserError, match="already exists"):
        make_ensemble(["cnn-study", "cnn-study"], cnn.storage, tmp_path, 8)
    assert list(tmp_path.iterdir()) == []


def test_members_of_other_dev_splits_are_refused(
    cnn: Trained, storage: Path, review_files: dict[str, Path], tmp_path: Path
) -> None:
    """Their scores would not compare; nothing is written, so that the corrected command finds the folder free."""
    trained("rnn", "other-dev", storage, {**review_files, "dev": review_files["test"]}, ["vocabulary=1000"])
    with pytest.raises(UserError, match="other-dev was chosen on another dev split than cnn-study"):
        make_ensemble(["cnn-study", "other-dev"], cnn.storage, tmp_path / "out", 8)
    assert list(tmp_path.iterdir()) == []


def test_members_of_other_classes_are_refused(cnn: Trained, storage: Path, tmp_path: Path) -> None:
    """The message names the classes."""
    renamed = {}
    for split, path in cnn.files.items():
        renamed[split] = tmp_path / path.name
        renamed[split].write_text(path.read_text(encoding="utf-8").replace("긍정\t", "좋음\t"), encoding="utf-8")
    trained("rnn", "other-classes", storage, renamed, ["vocabulary=1000"])
    with pytest.raises(UserError, match="other-classes has the classes 부정, 좋음"):
        make_ensemble(["cnn-study", "other-classes"], cnn.storage, tmp_path / "out", 8)


def test_file_labels_are_in_the_exported_settings(review_files: dict[str, Path], storage: Path, tmp_path: Path) -> None:
    """`evaluate` reads files with the labels of the training file."""
    numbered = {}
    for split, path in review_files.items():
        numbered[split] = tmp_path / path.name
        text = path.read_text(encoding="utf-8").replace("긍정\t", "1\t").replace("부정\t", "0\t")
        numbered[split].write_text(text, encoding="utf-8")
    sets = ["data.labels={0: 나빠, 1: 좋아}", "vocabulary=1000"]
    renamed = trained("cnn", "renamed", storage, numbered, sets)
    assert evaluate(renamed.model, numbered["test"], 8)["labels"] == ["나빠", "좋아"]


def test_targets_that_the_model_cannot_predict_are_refused(cnn: Trained, sts: Trained, tmp_path: Path) -> None:
    """A class that the model does not have, and a target that is not a number."""
    (tmp_path / "test.tsv").write_text("긍정\t좋아요\n중립\t그냥 그래요\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"label '중립' of .*test.tsv \(1 row\)"):
        evaluate(cnn.model, tmp_path / "test.tsv", 8)
    for target in ("nan", "high", "4_5"):
        (tmp_path / "test.csv").write_text(f"id,sentence1,sentence2,score\na,가,나,{target}\n", encoding="utf-8")
        with pytest.raises(UserError, match=f"1 of 1 targets are not numbers .*'{target}'"):
            evaluate(sts.model, tmp_path / "test.csv", 8)


def test_a_picture_needs_classes(sts: Trained, tmp_path: Path) -> None:
    """An option without effect is an error."""
    with pytest.raises(UserError, match=r"--picture .*this model has no classes"):
        evaluate(sts.model, sts.files["test"], 8, tmp_path / "matrix.png")


def test_an_exported_folder_has_no_path_of_this_machine(cnn: Trained) -> None:
    """Its card names the study and the score."""
    card = (cnn.model / "README.md").read_text(encoding="utf-8")
    assert f"{cnn.summary.best.value:.4f}" in card
    assert "trust_remote_code=True" in card
    assert json.loads((cnn.model / "kotune.json").read_text(encoding="utf-8"))["study"] == "cnn-study"
