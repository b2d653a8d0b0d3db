"""Models that kotune did not export: scored without training, as transformers itself computes them, or refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertModel,
)

from delivery.inference.options import ModelOptions
from delivery.inference.predict import predict_file
from delivery.inference.predictor import open_model
from delivery.inference.scoring import evaluate
from foundation.errors import UserError
from tests.delivery.inference.conftest import TEXTS
from trainables.tasks.prediction_format import PredictionFormat

#: Sets that fit the folders and the file below.
READING = ("columns.source=문장", "columns.target=라벨", "max_source_length=32")


@pytest.fixture
def korean(tmp_path: Path) -> Path:
    """A file as Excel saves it: a byte order mark, Korean names of columns, line ends of Windows."""
    lines = [
        "번호,문장,라벨",
        *(f"{number},{text},{'긍정' if number % 2 else '부정'}" for number, text in enumerate(TEXTS)),
    ]
    (tmp_path / "한글.csv").write_bytes(("﻿" + "\r\n".join(lines) + "\r\n").encode("utf-8"))
    return tmp_path / "한글.csv"


def logits(folder: Path) -> torch.Tensor:
    """What transformers computes, [texts, outputs]; one text at a time, without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        return torch.cat([model(**tokenizer(text, return_tensors="pt")).logits for text in TEXTS])


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def with_task(task: str, *sets: str, **others: Any) -> ModelOptions:
    """The options of a model that kotune did not export."""
    return ModelOptions((*READING, *sets), task, **others)


def test_a_classifier_has_the_classes_of_its_configuration(
    make_bert: Callable[..., Path], korean: Path, tmp_path: Path
) -> None:
    """Predictions, probabilities and accuracy are those of transformers; the order of the classes is the model's."""
    folder = make_bert(id2label={0: "부정", 1: "긍정"}, label2id={"부정": 0, "긍정": 1})
    expected = logits(folder).softmax(dim=-1)
    result = evaluate(folder, korean, 2, out=tmp_path / "rows.csv", options=with_task("classification"))
    assert result["labels"] == ["부정", "긍정"]
    right = [int(number % 2 == best) for number, best in enumerate(expected.argmax(dim=1).tolist())]
    assert result["accuracy"] == pytest.approx(sum(right) / len(TEXTS))
    rows = rows_of(tmp_path / "rows.csv")
    assert [row["source"] for row in rows] == TEXTS
    assert [int(row["correct"]) for row in rows] == right
    for row, shares in zip(rows, expected.tolist(), strict=True):
        assert [float(row["p(부정)"]), float(row["p(긍정)"])] == pytest.approx(shares, abs=2e-6)
    predict_file(
        folder,
        korean,
        tmp_path / "out.csv",
        2,
        PredictionFormat(),
        options=with_task("classification", "columns.id=번호"),
    )
    assert [[*row.values()] for row in rows_of(tmp_path / "out.csv")] == [
        [str(number), row["prediction"]] for number, row in enumerate(rows)
    ]


def test_labels_of_the_file_are_mapped_to_the_classes(make_bert: Callable[..., Path], tmp_path: Path) -> None:
    """transformers names them LABEL_0, LABEL_1, …: the message has the mapping, which works as it is printed."""
    folder, data = make_bert(), tmp_path / "data.csv"
    data.write_text("문장,라벨\n" + "".join(f"{text},{number % 2}\n" for number, text in enumerate(TEXTS)), "utf-8")
    with pytest.raises(UserError, match="are 0, 1, and none of them is a class of the model") as caught:
        evaluate(folder, data, 2, options=with_task("classification"))
    assert caught.value.allowed == "LABEL_0, LABEL_1"
    setting = """data.labels={'0': LABEL_0, '1': LABEL_1}"""
    assert caught.value.todo.endswith(f'--set "{setting}"')
    result = evaluate(folder, data, 2, options=with_task("classification", setting))
    right = [number % 2 == best for number, best in enumerate(logits(folder).argmax(dim=1).tolist())]
    assert result["accuracy"] == pytest.approx(sum(right) / len(TEXTS))


def test_a_regressor_of_one_output(make_bert: Callable[..., Path], tmp_path: Path) -> None:
    """The errors are those of transformers' numbers."""
    folder, data = make_bert(num_labels=1), tmp_path / "data.csv"
    data.write_text("문장,라벨\n" + "".join(f"{text},{number}\n" for number, text in enumerate(TEXTS)), "utf-8")
    numbers = logits(folder)[:, 0].tolist()
    result = evaluate(folder, data, 4, out=tmp_path / "rows.csv", options=with_task("regression"))
    squared = [(number - target) ** 2 for target, number in enumerate(numbers)]
    assert result["mse"] == pytest.approx(sum(squared) / len(squared), rel=1e-4)
    rows = rows_of(tmp_path / "rows.csv")
    assert [float(row["squared_error"]) for row in rows] == pytest.approx(squared, rel=1e-4)
    assert [float(row["prediction"]) for row in rows] == pytest.approx(numbers, abs=2e-6)
    assert rows[0].keys() == {"id", "source", "reference", "prediction", "squared_error", "absolute_error"}


def test_an_encoder_decoder_writes_what_transformers_generates(
    tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the decoding parameters of `--set`; a length that nobody set is limited by `max_target_length`, and said."""
    data = tmp_path / "data.csv"
    data.write_text(
        "".join(f"{text},{text}\n" for text in ("source", *TEXTS)).replace("source,source", "source,target")
    )
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_base), AutoModelForSeq2SeqLM.from_pretrained(tiny_base).eval()
    expected = []
    for text in TEXTS:
        ids = tokenizer(f"<s>{text}</s>", return_tensors="pt", add_special_tokens=False)["input_ids"]
        tokens = model.generate(ids, num_beams=2, max_new_tokens=6, decoder_start_token_id=tokenizer.eos_token_id)
        expected.append(" ".join(tokenizer.decode(tokens[0], skip_special_tokens=True).split()))
    sets = ("num_beams=2", "max_target_length=6", "rouge_tokenizer=whitespace", "max_source_length=64")
    result = evaluate(tiny_base, data, 2, out=tmp_path / "rows.csv", options=ModelOptions(sets, "summarization"))
    assert [row["prediction"] for row in rows_of(tmp_path / "rows.csv")] == expected
    assert result["rouge_tokenizer"] == "whitespace"
    captured = capsys.readouterr()
    assert "texts have at most 6 tokens" in captured.err
    assert "unknown tokens: data.csv" in captured.err
    assert captured.out == ""


def test_without_a_task_the_message_names_the_one_that_fits(
    make_bert: Callable[..., Path], tiny_base: Path, tmp_path: Path
) -> None:
    """By the head and the number of outputs; a model without a head has to be trained."""
    folders = {
        "seq2seq": tiny_base,
        "classification": make_bert("classes", num_labels=3),
        "regression": make_bert("number", num_labels=1),
    }
    for task, folder in folders.items():
        with pytest.raises(UserError, match=r"holds no kotune\.json: kotune did not export this model") as caught:
            open_model(folder, "cpu")
        assert caught.value.todo.startswith(f"--task {task}, ")
    with pytest.raises(UserError, match="has no head for a task") as caught:
        open_model(make_bert("bare", BertModel), "cpu")
    assert caught.value.todo.startswith("train it first: ")


def test_the_command_prints_scores_alone(
    make_bert: Callable[..., Path], korean: Path, tmp_path: Path, typed: Callable[[Sequence[str]], tuple[int, str, str]]
) -> None:
    """Standard output is one JSON object; without a task it is empty, and the exit code is 2."""
    folder = make_bert(id2label={0: "부정", 1: "긍정"}, label2id={"부정": 0, "긍정": 1})
    words = ["evaluate", str(folder), "--data", str(korean), "--out", str(tmp_path / "rows.jsonl")]
    sets = [part for text in READING for part in ("--set", text)]
    code, out, err = typed([*words, *sets, "--task", "classification", "--rows", "4"])
    assert (code, json.loads(out)["rows"]) == (0, 4), err
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["source"] for line in lines] == [text for text in TEXTS if text in {row["source"] for row in lines}]
    code, out, err = typed([*words, *sets])
    assert (code, out) == (2, "")
    assert "to do:   --task classification" in err
