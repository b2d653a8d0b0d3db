"""Results of predicting: of one batch, and of one whole evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class BatchResult:
    """The result of one batch of an evaluation.

    Args:
        loss: summed over what `counted` counts, without smoothing or class weights.
        counted: number of tokens or rows.
        predictions: one per row: text, probabilities of the classes, a number, or what else the task predicts.
        sizes: generated tokens per row; 0 if nothing is generated.
    """

    loss: float
    counted: float
    predictions: list[Any]
    sizes: list[int]


@dataclass(frozen=True)
class Evaluation:
    """The result of one evaluation of a whole split, on rank 0.

    Args:
        predictions: one per row, in row order.
        loss: per token or row, without smoothing or class weights.
        generated_tokens: mean per row.
        seconds: wall time.
    """

    predictions: list[Any]
    loss: float
    generated_tokens: float
    seconds: float
