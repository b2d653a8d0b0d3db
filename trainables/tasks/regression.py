"""Regression: a text, or a pair of texts, and a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import msgspec
import torch
from transformers import AutoModelForSequenceClassification, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.tokenised import values
from foundation.errors import UserError, raise_all
from search_spaces.choices import RegressionLoss
from search_spaces.schema import Space
from trainables.tasks.classification import check_head, collate, encode_rows, model_inputs
from trainables.tasks.evaluation import BatchResult, Evaluation
from trainables.tasks.metric import EVAL_SECONDS, LOSS, Metric
from trainables.tasks.number_metrics import NUMBER_METRICS, NumberInputs
from trainables.tasks.prediction_format import PredictionFormat, format_number
from trainables.tasks.task import Criterion, Limits, Row, TableRow, Task
from trainables.text.encoding import TextDecoder

_MASK = -100.0  # transformers counts every label that is not -100, so that no target may have this value

LOSSES: dict[str, Any] = {
    RegressionLoss.MSE: torch.nn.functional.mse_loss,
    RegressionLoss.L1: torch.nn.functional.l1_loss,
    # Huber 1964, https://doi.org/10.1214/aoms/1177703732; delta 1
    RegressionLoss.HUBER: torch.nn.functional.huber_loss,
}


@dataclass(frozen=True)
class Regression(Task):
    """A text (`source`), optionally a second one (`pair`), and a number (`target`).

    Args:
        decimals: of written predictions; None: they are not rounded. Scores are computed from unrounded predictions.
        source_prefix: written before every text, such as "query: " of E5.
    """

    decimals: Annotated[int, msgspec.Meta(ge=0, le=12)] | None = None
    source_prefix: str = ""

    name: ClassVar[str] = "regression"
    metrics: ClassVar[tuple[Metric, ...]] = (*NUMBER_METRICS, LOSS, EVAL_SECONDS)
    columns: ClassVar[tuple[str, ...]] = ("input_ids", "token_type_ids", "labels")
    auto_model: ClassVar[Any] = AutoModelForSequenceClassification
    ignored_parameters: ClassVar[Mapping[str, Any]] = {"class_weights": "none", "label_smoothing_factor": 0}
    pipeline_tag: ClassVar[str] = "text-classification"  # the hub has no tag for regression
    logits_expression: ClassVar[str] = "logits[0, 0].item()"
    output_options: ClassVar[tuple[str, ...]] = ("decimals",)

    @classmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        raise_all([problem for split, split_rows in rows.items() for problem in _problems(split, split_rows)])
        return cls(space.decimals, space.source_prefix or "")

    @classmethod
    def of_model(cls, space: Space, config: Any) -> Self:
        check_head(space.model, config)
        if config.num_labels != 1:
            problem = f"model {space.model!r} has {config.num_labels} outputs, and a number is one"
            raise UserError(problem, "a model with one output (num_labels)", "for classes: --task classification")
        return cls(space.decimals, space.source_prefix or "")

    def target_problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        return _number_problems(split, rows)

    # ---- rows and tokens

    def encode(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits
    ) -> Mapping[str, list[Any]]:
        return encode_rows(rows, tokenizer, limits.source, self.source_prefix)

    def encode_targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits, *, scored: bool
    ) -> Mapping[str, list[Any]]:
        return {"labels": [float(row["target"]) for row in rows], "cut_target": [False] * len(rows)}

    # ---- model

    def model_options(self) -> Mapping[str, Any]:
        return {"num_labels": 1, "problem_type": "regression"}

    # ---- training and evaluation

    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        return collate(rows, model, torch.float32)

    def mask_labels(self, row: Mapping[str, Any]) -> TableRow:
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
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        predicted = model(**model_inputs(batch))["logits"].float().squeeze(-1)
        loss = torch.nn.functional.mse_loss(predicted, batch["labels"], reduction="sum")
        return BatchResult(loss.item(), len(predicted), predicted.tolist(), [0] * len(predicted))

    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        numbers: list[Any] = model(**model_inputs(batch))["logits"].float().squeeze(-1).tolist()
        return numbers

    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> NumberInputs:
        return NumberInputs(evaluation, values(table, "labels"))

    # ---- predictions as text

    def format_prediction(self, prediction: float, options: PredictionFormat) -> str:
        return format_number(prediction, self.decimals if options.decimals is None else options.decimals)


def _problems(split: str, rows: Sequence[Row]) -> list[UserError]:
    if problems := _number_problems(split, rows):
        return problems
    if split == "train" and len({float(row["target"]) for row in rows}) < 2:
        return [UserError(f"{split}: all targets are {rows[0]['target']}", "different numbers", "check columns.target")]
    return []


def _number_problems(split: str, rows: Sequence[Row]) -> list[UserError]:
    """Returns one error that lists the targets that are not numbers."""
    invalid = [(row["id"], row["target"]) for row in rows if not _is_number(row["target"])]
    if invalid:
        shown = ", ".join(f"row {name}: {text!r}" for name, text in invalid[:5])
        problem = f"{split}: {len(invalid)} of {len(rows)} targets are not numbers ({shown})"
        return [UserError(problem, f"finite numbers other than {_MASK:g}", "fix them, or name another columns.target")]
    return []


def _is_number(text: str) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and number != _MASK and "_" not in text  # float() reads 4_5 as 45
