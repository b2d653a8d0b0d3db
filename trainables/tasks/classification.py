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
from trainables.tasks.class_metrics import CLASS_METRICS, ClassInputs
from trainables.tasks.confusion import ConfusionMatrix
from trainables.tasks.evaluation import BatchResult, Evaluation
from trainables.tasks.labels import labels_of, labels_of_no_class
from trainables.tasks.metric import EVAL_SECONDS, LOSS, Metric
from trainables.tasks.padding import pad
from trainables.tasks.prediction_format import PredictionFormat, most_probable
from trainables.tasks.task import Criterion, Limits, Row, TableRow, Task
from trainables.text.encoding import TextDecoder, encode_for_encoder

#: The weight of a class in the loss is its share of the training rows to the power of minus this.
WEIGHT_EXPONENTS = {ClassWeights.NONE: 0.0, ClassWeights.BALANCED: 1.0, ClassWeights.SQRT_BALANCED: 0.5}


def class_weights(kind: str, labels: Sequence[int], classes: int) -> torch.Tensor:
    """Returns the weight of each class in the loss, [classes]; the mean over the rows is 1.

    Args:
        kind: `none`; `balanced`, the inverse of the class's share (King & Zeng 2001, as in scikit-learn); or
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
    """A text (`source`), optionally a second one (`pair`), and its class (`target`).

    A prediction is the list of the probabilities of the classes.

    Args:
        source_prefix: written before every text, such as "query: " of E5.
    """

    labels: tuple[str, ...] = ()
    source_prefix: str = ""

    name: ClassVar[str] = "classification"
    metrics: ClassVar[tuple[Metric, ...]] = (*CLASS_METRICS, LOSS, EVAL_SECONDS)
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "token_type_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"regression_loss": "mse"}
    pipeline_tag: ClassVar[str] = "text-classification"
    logits_expression: ClassVar[str] = "model.config.id2label[logits.argmax().item()]"
    output_options: ClassVar[tuple[str, ...]] = ("top_k", "probabilities")
    supports_ensembles: ClassVar[bool] = True

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        return cls(labels_of(rows), space.source_prefix or "")

    @classmethod
    def of_model(cls, space: Space, config: Any) -> Self:
        check_head(space.model, config)
        labels = [str(config.id2label[number]) for number in sorted(config.id2label)]
        several = config.problem_type == "multi_label_classification"
        if several or len(labels) < 2 or len({*labels}) < len(labels):
            kind = "gives a row several of its classes" if several else "has no different classes"
            allowed = "a classifier whose config.json names each class once (id2label)"
            todo = "name a number as the task: --task regression" if len(labels) == 1 else "choose another model"
            raise UserError(f"model {space.model!r} {kind}: {', '.join(labels[:10])}", allowed, todo)
        return cls(tuple(labels), space.source_prefix or "")

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        return True

    def target_problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return labels_of_no_class(split, rows, self.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.labels

    # ---- rows and tokens

    def encode(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits
    ) -> Mapping[str, list[Any]]:
        return encode_rows(rows, tokenizer, limits.source, self.source_prefix)

    def encode_targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits, *, scored: bool
    ) -> Mapping[str, list[Any]]:
        return {"labels": self._numbers(rows), "cut_target": [False] * len(rows)}

    def _numbers(self, rows: Sequence[Row]) -> list[int]:
        number = {label: index for index, label in enumerate(self.labels)}
        return [number[row["target"]] for row in rows]

    # ---- model

    def model_options(self) -> Mapping[str, Any]:
        return {
            "num_labels": len(self.labels),
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: index for index, label in enumerate(self.labels)},
            "problem_type": "single_label_classification",
        }

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        return collate(rows, model, torch.long)

    def mask_labels(self, row: Mapping[str, Any]) -> TableRow:
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
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        logits = model(**model_inputs(batch))["logits"].float()
        loss = torch.nn.functional.cross_entropy(logits, batch["labels"], reduction="sum")
        rows = len(logits)
        return BatchResult(loss.item(), rows, logits.softmax(dim=-1).tolist(), [0] * rows)

    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        probabilities: list[Any] = model(**model_inputs(batch))["logits"].float().softmax(dim=-1).tolist()
        return probabilities

    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> ClassInputs:
        return ClassInputs(evaluation, values(table, "labels"), self.labels)

    def confusion(self, rows: Sequence[Row], predictions: Sequence[Sequence[float]]) -> ConfusionMatrix:
        predicted = [max(range(len(one)), key=one.__getitem__) for one in predictions]
        return ConfusionMatrix.count(self.labels, self._numbers(rows), predicted)

    def combine(self, predictions: Sequence[Sequence[float]]) -> list[float]:
        """Returns the mean of the members' probabilities."""
        return [sum(shares) / len(predictions) for shares in zip(*predictions, strict=True)]

    # ---- predictions as text

    def format_prediction(self, prediction: Sequence[float], options: PredictionFormat) -> str:
        return most_probable(self.labels, prediction, options)

    def output_columns(self, target: str, options: PredictionFormat) -> list[str]:
        return [target, *(f"p({label})" for label in self.labels if options.probabilities)]

    def output_cells(self, prediction: Sequence[float], options: PredictionFormat) -> list[str]:
        """Returns the most probable classes, and with `probabilities` a cell for each class."""
        shares = [f"{share:.6f}" for share in prediction] if options.probabilities else []
        return [most_probable(self.labels, prediction, PredictionFormat(top_k=options.top_k)), *shares]


def check_head(model: str, config: Any) -> None:
    """Checks that a model has a trained head for classes or numbers, as far as its configuration tells.

    Raises:
        UserError: it has none, or one for another task.
    """
    names = config.architectures or []
    if names and not any(name.endswith("ForSequenceClassification") for name in names):
        raise UserError(
            f"model {model!r} ({' and '.join(names)}) has no trained head for classes or numbers",
            "a model with a trained head, such as a BertForSequenceClassification",
            "train one first: --model of tune or train",
        )


def encode_rows(
    rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int, prefix: str = ""
) -> dict[str, list[Any]]:
    """Returns the columns of one text or two texts per row, each text after `prefix`."""
    pairs = [prefix + row["pair"] for row in rows] if rows and "pair" in rows[0] else None
    return encode_for_encoder([prefix + row["source"] for row in rows], pairs, tokenizer, limit)


def collate(rows: Sequence[Mapping[str, Any]], model: Any, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Returns a batch for an encoder, with one label of type `dtype` per row."""
    batch = pad(rows, {"input_ids": int(model.config.pad_token_id or 0), "token_type_ids": 0})
    if "labels" in rows[0]:
        batch["labels"] = torch.tensor([row["labels"] for row in rows], dtype=dtype)
    return batch


def model_inputs(batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Returns the batch without its labels."""
    return {name: tensor for name, tensor in batch.items() if name != "labels"}
