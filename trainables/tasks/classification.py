"""Classification: a text, or a pair of texts, and its class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from transformers import AutoModelForSequenceClassification, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.tokenised import values
from foundation.errors import UserError
from search_spaces.choices import ClassWeights
from search_spaces.schema import Space
from trainables.tasks import class_metrics
from trainables.tasks.labels import learned_labels, unknown_labels
from trainables.tasks.prediction_format import PredictionFormat, most_probable
from trainables.tasks.task import BatchResult, Criterion, Decode, Evaluation, Row, Task, pad
from trainables.text.encoding import encode_whole

#: The weight of a class in the loss is its share of the training rows to the power of minus this.
WEIGHT_EXPONENTS = {ClassWeights.NONE: 0.0, ClassWeights.BALANCED: 1.0, ClassWeights.SQRT_BALANCED: 0.5}


def class_weights(kind: str, labels: Sequence[int], classes: int) -> torch.Tensor:
    """Weight of each class in the loss, [classes]; the mean over the rows is 1.

    Args:
        kind: `none`; `balanced`, the inverse of the class's share (King & Zeng 2001, as scikit-learn's); or
            `sqrt_balanced`, the square root of that inverse.
        labels: of the training rows.
    """
    counts = Counter(labels)
    power = WEIGHT_EXPONENTS[ClassWeights(kind)]
    raw = [counts[index] ** -power if counts[index] else 0.0 for index in range(classes)]
    mean = math.fsum(raw[index] * count for index, count in counts.items()) / len(labels)
    return torch.tensor([weight / mean for weight in raw])


@dataclass(frozen=True)
class Classification(Task):
    """A text (`source`), maybe a second one (`pair`), and its class (`target`)."""

    labels: tuple[str, ...] = ()

    name: ClassVar[str] = "classification"
    directions: ClassVar[Mapping[str, str]] = {
        "accuracy": "max",
        "macro_f1": "max",
        "weighted_f1": "max",
        "loss": "min",
        "eval_seconds": "min",
    }
    usual_metric: ClassVar[str] = "accuracy"
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "token_type_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"regression_loss": "mse"}
    tag: ClassVar[str] = "text-classification"
    reading: ClassVar[str] = "model.config.id2label[logits.argmax().item()]"
    output_options: ClassVar[tuple[str, ...]] = ("top_k", "probabilities")

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        return cls(learned_labels(rows))

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        return True

    def problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return unknown_labels(split, rows, self.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    # ---- rows and tokens

    def encode(self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int) -> dict[str, list[Any]]:
        return encode_rows(rows, tokenizer, limit)

    def targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int, *, scored: bool
    ) -> dict[str, list[Any]]:
        number = {label: index for index, label in enumerate(self.labels)}
        return {"labels": [number[row["target"]] for row in rows], "cut_target": [False] * len(rows)}

    # ---- model

    def model_options(self) -> dict[str, Any]:
        return {
            "num_labels": len(self.labels),
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
            "problem_type": "single_label_classification",
        }

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        return collate(rows, model, torch.long)

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "labels": -100}

    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        weights = class_weights(
            extra.get("class_weights") or ClassWeights.NONE, values(table, "labels"), len(self.labels)
        )

        def loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.cross_entropy(
                outputs["logits"].float(),
                labels,
                weight=weights.to(labels.device),
                ignore_index=-100,
                reduction="sum",
                label_smoothing=smoothing,
            )

        return loss

    def evaluate(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        logits = model(**inputs(batch))["logits"].float()
        loss = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")
        rows = len(logits)
        return BatchResult(loss.item(), rows, logits.softmax(dim=-1).tolist(), [0] * rows)

    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        """Probabilities of the classes, row by row."""
        probabilities: list[Any] = model(**inputs(batch))["logits"].float().softmax(dim=-1).tolist()
        return probabilities

    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        return {
            **class_metrics.classification(values(table, "labels"), evaluation.predictions, self.labels),
            "loss": evaluation.loss,
            "eval_seconds": evaluation.seconds,
        }

    def written(self, prediction: Sequence[float], wanted: PredictionFormat) -> str:
        return most_probable(self.labels, prediction, wanted)

    def chosen(self, prediction: Sequence[float]) -> int:
        return max(range(len(prediction)), key=prediction.__getitem__)


def encode_rows(rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int) -> dict[str, list[Any]]:
    """The columns of one text or two per row."""
    pairs = [row["pair"] for row in rows] if rows and "pair" in rows[0] else None
    return encode_whole([row["source"] for row in rows], pairs, tokenizer, limit)


def collate(rows: Sequence[Mapping[str, Any]], model: Any, kind: torch.dtype) -> dict[str, torch.Tensor]:
    """A batch for an encoder, with one label of type `kind` per row."""
    batch = pad(rows, {"input_ids": int(model.config.pad_token_id or 0), "token_type_ids": 0})
    if "labels" in rows[0]:
        batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=kind)
    return batch


def inputs(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the model reads of a batch."""
    return {name: tensor for name, tensor in batch.items() if name != "labels"}
