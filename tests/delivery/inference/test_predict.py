"""Predictions for files and for lines."""

from __future__ import annotations

import csv
import io
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from corpora.samples import speech_levels
from delivery.inference import parallel
from delivery.inference.options import ModelOptions
from delivery.inference.parallel import Workers, devices
from delivery.inference.predict import predict_file, predict_lines
from delivery.inference.predictor import open_model, predict_all
from foundation.errors import UserError
from tests.delivery.conftest import Trained, trained
from trainables.tasks.prediction_format import PredictionFormat


def read(path: Path) -> list[list[str]]:
    """A CSV as lists of fields."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def texts_of(trained: Trained, split: str = "test") -> list[str]:
    """The texts of a file of reviews."""
    return [line.split("\t")[1] for line in trained.files[split].read_text(encoding="utf-8").splitlines()]


def predicted_lines(trained: Trained, text: str, **options: Any) -> list[str]:
    """The lines that lines of input get."""
    out = io.StringIO()
    predict_lines(trained.model, io.StringIO(text), out, 4, PredictionFormat(**options))
    return out.getvalue().splitlines()


def test_the_classes_of_a_file_are_in_its_order(cnn: Trained, tmp_path: Path) -> None:
    """One row per row of the file; each class is that of the text alone, whatever batch it was in."""
    rows = predict_file(cnn.model, cnn.files["test"], tmp_path / "out.csv", 4, PredictionFormat())
    rows_written = read(tmp_path / "out.csv")
    alone = [line.split("\t")[0] for text in texts_of(cnn) for line in predicted_lines(cnn, text)]
    assert rows == 23
    assert rows_written[0] == ["id", "label"]
    assert [row[1] for row in rows_written[1:]] == alone
    assert len(set(alone)) == 2


def test_probabilities_are_written_beside_the_class(cnn: Trained, tmp_path: Path) -> None:
    """One column per class; they sum to one, and the class is the most probable."""
    predict_file(cnn.model, cnn.files["test"], tmp_path / "out.csv", 4, PredictionFormat(probabilities=True))
    head, *rows = read(tmp_path / "out.csv")
    labels = [name.removeprefix("p(").removesuffix(")") for name in head[2:]]
    assert head[2:] == [f"p({label})" for label in labels]
    for _, label, *shares in rows:
        assert sum(map(float, shares)) == pytest.approx(1.0, abs=2e-6)
        assert label == labels[shares.index(max(shares, key=float))]


def test_a_file_without_labels(cnn: Trained, tmp_path: Path) -> None:
    """As it is before labels exist."""
    (tmp_path / "texts.tsv").write_text("\n".join(texts_of(cnn)) + "\n", encoding="utf-8")
    assert predict_file(cnn.model, tmp_path / "texts.tsv", tmp_path / "a.csv", 4, PredictionFormat()) == 23
    predict_file(cnn.model, cnn.files["test"], tmp_path / "b.csv", 4, PredictionFormat())
    assert [row[1] for row in read(tmp_path / "a.csv")] == [row[1] for row in read(tmp_path / "b.csv")]


def test_the_most_probable_classes_of_lines(cnn: Trained) -> None:
    """`classes<TAB>sentence`, the most probable first; a blank line stays blank."""
    first, second = texts_of(cnn)[:2]
    lines = predicted_lines(cnn, f"{first}\n\n{second}\n", top_k=2)
    assert [line.split("\t")[1] for line in (lines[0], lines[2])] == [first, second]
    assert lines[1] == ""
    assert sorted(lines[0].split("\t")[0].split(" ")) == ["긍정", "부정"]
    assert lines[0].split(" ")[0] == predicted_lines(cnn, first)[0].split("\t")[0]
    (shown,) = predicted_lines(cnn, first, top_k=2, probabilities=True)
    shares = [float(part.split(":")[1]) for part in shown.split("\t")[0].split(" ")]
    assert shares == sorted(shares, reverse=True)


def test_the_number_of_a_pair_is_rounded(sts: Trained, tmp_path: Path) -> None:
    """`id,score` with one decimal, as the space says, or as many as requested; a line has both texts."""
    assert predict_file(sts.model, sts.files["test"], tmp_path / "one.csv", 4, PredictionFormat()) == 8
    predict_file(sts.model, sts.files["test"], tmp_path / "three.csv", 4, PredictionFormat(decimals=3))
    one, three = read(tmp_path / "one.csv"), read(tmp_path / "three.csv")
    assert one[0] == ["id", "score"]
    assert one[1][0] == "test_0"
    for (_, short), (_, long) in zip(one[1:], three[1:], strict=True):
        assert len(short.partition(".")[2]) == 1
        assert len(long.partition(".")[2]) == 3
        assert float(short) == pytest.approx(float(long), abs=0.0506)
    number, sentence = predicted_lines(sts, "비가 온다\t비가 내린다")[0].split("\t", 1)
    assert sentence == "비가 온다\t비가 내린다"
    assert -10 < float(number) < 10
    with pytest.raises(UserError, match="line 2 of the input is not a pair"):
        predicted_lines(sts, "가\t나\n하나뿐")


def test_the_header_can_be_changed(sts: Trained, tmp_path: Path) -> None:
    """`id,target`, for example, instead of the names of the training file."""
    predict_file(sts.model, sts.files["test"], tmp_path / "out.csv", 4, PredictionFormat(), header=["id", "target"])
    assert read(tmp_path / "out.csv")[0] == ["id", "target"]


def test_decomposed_hangul_is_composed(cnn: Trained) -> None:
    """A line is read like the same text in a file."""
    text = "배송이 빨라요"
    decomposed = unicodedata.normalize("NFD", text)
    one, other = (predicted_lines(cnn, line, probabilities=True)[0].split("\t")[0] for line in (text, decomposed))
    assert one == other


def test_decoding_parameters_can_be_replaced(cnn: Trained, storage: Path, tmp_path: Path) -> None:
    """Fewer tokens are generated than with the model's own; a classifier has no decoding parameters."""
    files = speech_levels.write_samples(tmp_path, train=64, dev=8, test=8)
    sets = ["min_new_tokens=6", "max_new_tokens=8", "num_beams=1", "num_train_epochs=4", "learning_rate=1e-2"]
    t5 = trained("t5", "is_generative", storage, files, sets)
    words = open_model(t5.model, "cpu").tokenizer
    row = [{"source": "비가 온다."}]
    short = open_model(t5.model, "cpu", ModelOptions(("max_new_tokens=2", "min_new_tokens=1")))
    one, other = (predict_all(model, row, 1)[0] for model in (short, open_model(t5.model, "cpu")))
    assert len(words(one)["input_ids"]) < len(words(other)["input_ids"])
    for text in ("num_beams=4", "learning_rate=1.0"):
        with pytest.raises(UserError, match="not an option of a trained model"):
            open_model(cnn.model, "cpu", ModelOptions((text,)))
    with pytest.raises(UserError, match="num_beams: 0"):
        open_model(t5.model, "cpu", ModelOptions(("num_beams=0",)))


def test_options_that_do_not_fit_the_model_are_refused(cnn: Trained, sts: Trained, tmp_path: Path) -> None:
    """More classes than the model has, classes of a regressor, and a missing folder."""
    with pytest.raises(UserError, match="--top-k 3"):
        predicted_lines(cnn, "가", top_k=3)
    with pytest.raises(UserError, match="--probabilities has no meaning for a model for regression"):
        predicted_lines(sts, "가\t나", probabilities=True)
    with pytest.raises(UserError, match="--decimals has no meaning for a model for classification"):
        predict_file(cnn.model, cnn.files["test"], None, 4, PredictionFormat(decimals=1))
    with pytest.raises(UserError, match="there is no folder"):
        predict_file(cnn.model, cnn.files["test"], tmp_path / "none" / "out.csv", 4, PredictionFormat())
    with pytest.raises(UserError, match="is a folder"):
        predict_file(cnn.model, cnn.files["test"], tmp_path, 4, PredictionFormat())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"holds no kotune\.json"):
        predict_file(tmp_path, cnn.files["test"], None, 4, PredictionFormat())


def test_several_workers_predict_every_row_once(cnn: Trained) -> None:
    """Two processes, 23 rows, batches of 2: the probabilities of each row are those of one process."""
    rows = [{"source": text} for text in texts_of(cnn)]
    alone = predict_all(open_model(cnn.model, "cpu"), rows, 2)
    rows_written: list[Any] = [None] * len(rows)
    seen = []
    for batch in Workers(cnn.model, ["cpu", "cpu"]).predict(rows, 2):
        for position, prediction in batch:
            rows_written[position] = prediction
            seen.append(position)
    assert sorted(seen) == list(range(23))
    for one, other in zip(rows_written, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-6)


def test_each_worker_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """All GPUs by default, and no more than there are; without a GPU, processes on the CPU."""
    monkeypatch.setattr(parallel.torch.cuda, "device_count", lambda: 2)
    assert devices(None) == ["cuda:0", "cuda:1"]
    assert devices(1) == ["cuda:0"]
    with pytest.raises(UserError, match="--workers 3"):
        devices(3)
    monkeypatch.setattr(parallel.torch.cuda, "device_count", lambda: 0)
    assert devices(None) == ["cpu"]
    assert devices(2) == ["cpu", "cpu"]
