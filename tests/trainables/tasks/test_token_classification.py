"""A task of another kind, registered with one line, goes through the whole program: one label per word.

It shows that nothing outside `trainables.tasks` asks which task it has.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import torch
from transformers import AutoModelForTokenClassification, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.tokenised import values
from delivery.inference.predict import predict_file, predict_lines
from delivery.inference.scoring import evaluate
from foundation.errors import UserError
from search_spaces.choices import Direction
from search_spaces.schema import Space
from tests.delivery.conftest import Trained, trained
from trainables.tasks.classification import encode_rows, model_inputs
from trainables.tasks.evaluation import BatchResult, Evaluation
from trainables.tasks.metric import EVAL_SECONDS, LOSS, Metric
from trainables.tasks.padding import pad
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.registry import TASKS
from trainables.tasks.seq2seq import token_loss
from trainables.tasks.task import Criterion, Limits, Row, TableRow, Task
from trainables.text.encoding import TextDecoder
from trainables.text.word_tokenizers import train_words


@dataclass(frozen=True)
class WordInputs:
    """What the metric reads: predicted and true label numbers, [rows][words]."""

    evaluation: Evaluation
    truth: list[list[int]]

    @property
    def word_accuracy(self) -> float:
        """The share of words with the right label."""
        pairs = [
            pair
            for one, other in zip(self.evaluation.predictions, self.truth, strict=True)
            for pair in zip(one, other, strict=True)
        ]
        return sum(one == other for one, other in pairs) / len(pairs)


@dataclass(frozen=True)
class TokenClassification(Task):
    """A text (`source`) of words that are one token each, and a label for each word (`target`, joined by blanks)."""

    labels: tuple[str, ...] = ()

    name: ClassVar[str] = "token_classification"
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("word_accuracy", Direction.MAX, lambda inputs: inputs.word_accuracy),
        LOSS,
        EVAL_SECONDS,
    )
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForTokenClassification
    pipeline_tag: ClassVar[str] = "token-classification"
    logits_expression: ClassVar[str] = "logits.argmax(-1).tolist()"

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        return cls(tuple(sorted({label for row in rows["train"] for label in row["target"].split()})))

    def encode(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits
    ) -> Mapping[str, list[Any]]:
        return encode_rows(rows, tokenizer, limits.source)

    def encode_targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits, *, scored: bool
    ) -> Mapping[str, list[Any]]:
        labels = [[self.labels.index(label) for label in row["target"].split()][: limits.source] for row in rows]
        return {"labels": labels, "cut_target": [False] * len(rows)}

    def model_options(self) -> Mapping[str, Any]:
        return {"num_labels": len(self.labels), "id2label": dict(enumerate(self.labels))}

    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        return pad(rows, {"input_ids": 0, "labels": -100})

    def mask_labels(self, row: Mapping[str, Any]) -> TableRow:
        return {**row, "labels": [-100] * len(row["labels"])}

    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        return lambda outputs, labels: token_loss(outputs["logits"], labels, smoothing)

    def evaluate(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        logits = model(**model_inputs(batch))["logits"]
        counted = int((batch["labels"] != -100).sum())
        predictions = _label_numbers(logits, batch)
        return BatchResult(token_loss(logits, batch["labels"]).item(), counted, predictions, [0] * len(predictions))

    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        return _label_numbers(model(**model_inputs(batch))["logits"], batch)

    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> WordInputs:
        return WordInputs(evaluation, values(table, "labels"))

    def format_prediction(self, prediction: Sequence[int], options: PredictionFormat) -> str:
        return " ".join(self.labels[number] for number in prediction)


def _label_numbers(logits: torch.Tensor, batch: Mapping[str, torch.Tensor]) -> list[list[int]]:
    """The most probable label of each word, without padding."""
    return [
        row[: int(mask.sum())].tolist()
        for row, mask in zip(logits.argmax(dim=-1), batch["attention_mask"], strict=True)
    ]


NAMES, PLACES, OTHERS = (
    ["민수", "영희", "철수", "지은"],
    ["서울", "부산", "대구"],
    ["오늘", "어제", "갔다", "왔다", "먹었다"],
)


def sentences(number: int, start: int) -> list[tuple[str, str]]:
    """Different sentences of two or three words, and their labels."""
    triples = [(name, place, other) for name in NAMES for place in PLACES for other in OTHERS]
    chosen = [triples[(start + index) * 7 % len(triples)] for index in range(number)]
    return [
        (f"{name} {place} {other}", "PER LOC O") if index % 2 else (f"{name} {other}", "PER O")
        for index, (name, place, other) in enumerate(chosen)
    ]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """What `train` leaves of a tiny BERT with a label per word."""
    monkeypatch.setitem(TASKS, "token_classification", TokenClassification)
    files = {}
    for split, number, start in (("train", 40, 0), ("dev", 10, 40), ("test", 10, 50)):
        files[split] = tmp_path / f"{split}.csv"
        with files[split].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "labels"), *sentences(number, start)])
    train_words([" ".join([*NAMES, *PLACES, *OTHERS])], 50).save_pretrained(tmp_path / "words")
    sets = [
        "num_train_epochs=4",
        "learning_rate=3e-3",
        "columns.source=text",
        "columns.target=labels",
        "columns.header=[]",
    ]
    options = {"task": "token_classification", "metric": "word_accuracy", "tokenizer": str(tmp_path / "words")}
    return trained("kcbert", "words-study", tmp_path / "runs", files, sets, **options)


def test_a_label_per_word_trains_scores_and_predicts(study: Trained, tmp_path: Path) -> None:
    """From the files to the exported model, its card, its scores, a file of predictions, and lines of input."""
    summary = study.summary
    assert summary.metric == "word_accuracy"
    assert summary.best is not None
    assert summary.best.value > 0.5  # the same label for every word is right in 2 of 5 words
    assert summary.test is not None
    assert summary.test.rows == 10
    assert summary.confusion is None
    card = (study.model / "README.md").read_text(encoding="utf-8")
    assert "AutoModelForTokenClassification" in card
    assert "tags: [token-classification, kotune]" in card
    scores = evaluate(study.model, study.files["test"], 4)
    assert scores["word_accuracy"] == pytest.approx(summary.test.metrics["word_accuracy"])
    assert predict_file(study.model, study.files["test"], tmp_path / "out.csv", 4, PredictionFormat()) == 10
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    texts = [text for text, _ in sentences(10, 50)]
    assert [len(row["labels"].split()) for row in written] == [len(text.split()) for text in texts]
    out = io.StringIO()
    predict_lines(study.model, io.StringIO(f"{texts[0]}\n\n{texts[1]}\n"), out, 4, PredictionFormat())
    assert out.getvalue() == f"{written[0]['labels']}\t{texts[0]}\n\n{written[1]['labels']}\t{texts[1]}\n"


def test_what_a_task_does_not_support_is_refused(study: Trained, tmp_path: Path) -> None:
    """Without classes there is no picture of confusions, and no most probable classes."""
    with pytest.raises(UserError, match="has no classes"):
        evaluate(study.model, study.files["test"], 4, tmp_path / "confusion.png")
    with pytest.raises(UserError, match="--top-k"):
        predict_file(study.model, study.files["test"], None, 4, PredictionFormat(top_k=2))
