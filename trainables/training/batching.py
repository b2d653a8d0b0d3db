"""Batches with the same rows for any number of workers and accumulation steps.

A global batch is what one optimizer step sees: rows per worker × workers × accumulation. Its rows depend only on the
seed, the epoch and its size, not on how it is split into micro-batches for workers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch.utils.data import Dataset, Sampler

# By the source alone: sorted by their targets too, batches of Korean utterances took 9 % less time and learned so much
# less from each other that the score after an epoch fell from 1.56 to 1.44 (docs/measurements.md).
_POOL = 50  # largest number of global batches whose rows are sorted by length together; their rows vary by epoch
_POOLS = 4  # smallest number of pools; with one pool, small data would give the same batches every epoch


def global_batches(lengths: Sequence[int], size: int, *, seed: int, epoch: int, by_length: bool) -> list[list[int]]:
    """Returns the row indices of every global batch of one epoch, in order.

    Args:
        lengths: tokens per row.
        size: rows per global batch; the last one may have fewer.
        by_length: whether rows of similar length are put into one batch.
    """
    draw = random.Random(f"{seed}:{epoch}")
    order = list(range(len(lengths)))
    draw.shuffle(order)
    if by_length:
        pool = size * max(1, min(_POOL, len(order) // (size * _POOLS)))
        order = [
            row
            for start in range(0, len(order), pool)
            for row in sorted(order[start : start + pool], key=lambda row: -lengths[row])
        ]
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if by_length:
        short = [batches.pop()] if len(batches[-1]) < size else []
        draw.shuffle(batches)
        batches += short  # stays the last: only there may the number of micro-batches differ
    return batches


def deal(batch: Sequence[int], rows: int, workers: int) -> list[list[list[int]]]:
    """Splits a global batch into micro-batches of at most `rows` rows for each of `workers`.

    Returns:
        `[micro-batch][worker] -> row indices`. A worker without rows gets `[-1]`, a row with masked labels, because
        every worker must take part in every step.
    """
    step = rows * workers
    return [
        [list(batch[start + worker * rows : start + (worker + 1) * rows]) or [-1] for worker in range(workers)]
        for start in range(0, len(batch), step)
    ]


#: Column -> value.
Row = dict[str, Any]


@dataclass
class GlobalBatchSampler(Sampler[list[int]]):
    """A batch sampler for `torch`: the micro-batches of one worker for one epoch.

    Args:
        rows: rows per micro-batch.
        accumulation: micro-batches per optimizer step.
    """

    lengths: Sequence[int]
    rows: int
    accumulation: int
    workers: int
    worker: int
    seed: int
    by_length: bool
    epoch: int = field(default=0, init=False)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        size = self.rows * self.accumulation * self.workers
        batches = global_batches(self.lengths, size, seed=self.seed, epoch=self.epoch, by_length=self.by_length)
        for batch in batches:
            for micro_batch in deal(batch, self.rows, self.workers):
                yield micro_batch[self.worker]

    def __len__(self) -> int:
        size = self.rows * self.accumulation * self.workers
        full, rest = divmod(len(self.lengths), size)
        return full * self.accumulation + -(-rest // (self.rows * self.workers))


class TokenRows(Dataset[Row]):
    """Tokenised rows by index; index -1 is row 0 with masked labels.

    Args:
        rows: a table, which returns several rows at once faster than one by one.
        mask_labels: excludes the labels of a row from the loss.
    """

    def __init__(self, rows: Any, mask_labels: Callable[[Row], Row]) -> None:
        self._rows, self._mask_labels = rows, mask_labels

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Row]:
        """Returns several rows; `torch` calls it with the indices of a whole batch."""
        columns = self._rows[[max(index, 0) for index in indices]]
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return [self._mask_labels(row) if index < 0 else row for index, row in zip(indices, rows, strict=True)]


def evaluation_batches(lengths: Sequence[int], rows: int, workers: int, worker: int) -> list[list[int]]:
    """Returns the batches of row indices that one worker evaluates; every row belongs to exactly one worker.

    Rows are first split into batches, longest first, and then distributed. So each batch has the same rows, and gives
    the same text, for any number of workers.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches = [order[start : start + rows] for start in range(0, len(order), rows)]
    return batches[worker::workers]
