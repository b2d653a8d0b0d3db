"""The result of one evaluation, put together from the batches of all workers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trainables.tasks.evaluation import BatchResult, Evaluation


@dataclass
class WorkerShare:
    """The dev rows that one worker evaluated.

    Args:
        rows: index, prediction and generated tokens of each row.
        loss: summed over everything that `counted` counts (tokens, or rows).
        interrupted: the worker stopped before its last batch.
    """

    rows: list[tuple[int, Any, int]] = field(default_factory=list)
    loss: float = 0.0
    counted: float = 0.0
    interrupted: bool = False

    def add(self, indices: Sequence[int], result: BatchResult) -> None:
        """Adds a batch."""
        self.loss += result.loss
        self.counted += result.counted
        self.rows += zip(indices, result.predictions, result.sizes, strict=True)


def merge(shares: Sequence[WorkerShare], seconds: float) -> Evaluation:
    """Returns the evaluation with its predictions in row order; the same for any number of workers."""
    rows = sorted((row for share in shares for row in share.rows), key=lambda row: row[0])
    loss, counted = math.fsum(share.loss for share in shares), math.fsum(share.counted for share in shares)
    return Evaluation(
        predictions=[prediction for _, prediction, _ in rows],
        loss=loss / max(counted, 1.0),
        generated_tokens=sum(size for *_, size in rows) / max(len(rows), 1),
        seconds=seconds,
    )
