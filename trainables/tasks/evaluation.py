"""Results of predicting: of one batch, and of one whole evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


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

    @property
    def distinct_outputs(self) -> int:
        """The number of different texts, most probable classes, or numbers (to six digits)."""
        return len({_output(prediction) for prediction in self.predictions})


def _output(prediction: Any) -> str | int | float:
    values = np.asarray(prediction)
    if values.dtype.kind != "f":
        return str(prediction)  # a text, or tags
    return round(float(values), 6) if values.ndim == 0 else int(values.argmax())
