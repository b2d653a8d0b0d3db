"""Regression: a text, or a pair of texts, and a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from transformers import AutoModelForSequenceClassification, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.tokenised import values
from foundation.errors import UserError, raise_all
from search_spaces.choices import RegressionLoss
from search_spaces.schema import Space
from trainables.tasks import class_metrics
from trainables.tasks.classification import collate, encode_rows, inputs
from trainables.tasks.prediction_format import PredictionFormat, rounded
from trainables.tasks.task import BatchResult, Criterion, Decode, Evaluation, Row, Task

_MASK = -100.0  # transformers counts every other label; see `numbers`

LOSSES: dict[str, Any] = {
    RegressionLoss.MSE: torch.nn.functional.mse_loss,
    RegressionLoss.L1: torch.nn.functional.l1_loss,
    # Huber 1964, https://doi.org/10.1214/aoms/1177703732; delta 1
    RegressionLoss.HUBER: torch.nn.functional.huber_loss,
}


@dataclass(frozen=True)
class Regression(Task):
    """A text (`source`), maybe a second one (`pair`), and a number (`target`).

    Args:
        decimals: how many a written prediction is rounded to; None leaves it as it is. Scores are never rounded.
    """

    decimals: int | None = None

    name: ClassVar[str] = "regression"
    directions: ClassVar[Mapping[str, str]] = {
        "pearson": "max",
        "spearman": "max",
        "mse": "min",
        "mae": "min",
        "loss": "min",
        "eval_seconds": "min",
    }
    usual_metric: ClassVar[str] = "pearson"
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "token_type_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"class_weights": "none", "label_smoothing_factor": 0}
    tag: ClassVar[str] = "text-classification"  # the hub has no other name for it
    reading: ClassVar[str] = "logits[0, 0].item()"
    output_options: ClassVar[tuple[str, ...]] = ("decimals",)

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        raise_all([problem for split, found in rows.items() for problem in _problems(split, found)])
        return cls(space.decimals)

    def problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return _no_numbers(split, rows)

    # ---- rows and tokens

    def encode(self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int) -> dict[str, list[Any]]:
        return encode_rows(rows, tokenizer, limit)

    def targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int, *, scored: bool
    ) -> dict[str, list[Any]]:
        return {"labels": [float(row["target"]) for row in rows], "cut_target": [False] * len(rows)}

    # ---- model

    def model_options(self) -> dict[str, Any]:
        return {"num_labels": 1, "problem_type": "regression"}

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        return collate(rows, model, torch.float32)

    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {**row, "labels": _MASK}

    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        measure = LOSSES[RegressionLoss(extra.get("regression_loss") or RegressionLoss.MSE)]

        def loss(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
            errors = measure(outputs["logits"].float().squeeze(-1), labels, reduction="none")
            return torch.where(labels == _MASK, torch.zeros_like(errors), errors).sum()

        return loss

    def evaluate(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        predicted = model(**inputs(batch))["logits"].float().squeeze(-1)
        loss = torch.nn.functional.mse_loss(predicted, batch["labels"], reduction="sum")
        return BatchResult(loss.item(), len(predicted), predicted.tolist(), [0] * len(predicted))

    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        """One number per row, not rounded."""
        numbers: list[Any] = model(**inputs(batch))["logits"].float().squeeze(-1).tolist()
        return numbers

    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        return {
            **class_metrics.regression(values(table, "labels"), evaluation.predictions),
            "loss": evaluation.loss,
            "eval_seconds": evaluation.seconds,
        }

    def written(self, prediction: float, wanted: PredictionFormat) -> str:
        return rounded(prediction, self.decimals if wanted.decimals is None else wanted.decimals)


def _problems(split: str, rows: Sequence[Row]) -> list[UserError]:
    if wrong := _no_numbers(split, rows):
        return wrong
    if split == "train" and len({float(row["target"]) for row in rows}) < 2:
        return [UserError(f"{split}: all targets are {rows[0]['target']}", "different numbers", "check columns.target")]
    return []


def _no_numbers(split: str, rows: Sequence[Row]) -> list[UserError]:
    wrong = [(row["id"], row["target"]) for row in rows if not _is_number(row["target"])]
    if wrong:
        shown = ", ".join(f"row {name}: {text!r}" for name, text in wrong[:5])
        given = f"{split}: {len(wrong)} of {len(rows)} targets are no numbers ({shown})"
        return [UserError(given, f"finite numbers other than {_MASK:g}", "mend them, or name another columns.target")]
    return []


def _is_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and number != _MASK and "_" not in text  # Python reads 4_5 as 45
