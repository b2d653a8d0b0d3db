"""Batches that are the same rows however a global batch is cut.

A global batch is what one optimizer step sees: rows per worker × workers × accumulation. Its rows depend on
the seed, the epoch and its size alone; how it is dealt to workers and micro-batches changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch.utils.data import Dataset, Sampler

# By the source alone: sorted by their targets too, batches of Korean utterances took 9 % less time and learned so much
# less from each other that the score after an epoch fell from 1.56 to 1.44 (docs/measurements.md).
_POOL = 50  # global batches at most whose rows are sorted together by length: similar, yet other rows every epoch
_POOLS = 4  # at least so many pools, or small data would make the same batches every epoch


def global_batches(lengths: Sequence[int], size: int, *, seed: int, epoch: int, by_length: bool) -> list[list[int]]:
    """Row indices of every global batch of one epoch, in order.

    Args:
        lengths: tokens per row.
        size: rows per global batch; the last drawn one may hold fewer.
        by_length: put rows of similar length together.
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
        batches += short  # kept last: only there may the number of micro-batches differ
    return batches


def deal(batch: Sequence[int], rows: int, workers: int) -> list[list[list[int]]]:
    """One global batch as micro-batches of at most `rows` rows for each of `workers`.

    Returns:
        `[micro-batch][worker] -> row indices`. A worker that is left without rows gets `[-1]`, a row that
        counts for nothing, since every worker must take part in every step.
    """
    step = rows * workers
    return [
        [list(batch[start + worker * rows : start + (worker + 1) * rows]) or [-1] for worker in range(workers)]
        for start in range(0, len(batch), step)
    ]


@dataclass
class GlobalBatchSampler(Sampler[list[int]]):
    """Micro-batches of one worker for one epoch (`torch` batch sampler).

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


class TokenRows(Dataset[dict[str, Any]]):
    """Tokenised rows by index; index -1 is row 0 with labels that count for nothing.

    Args:
        rows: a table, which gives several rows at once faster than one by one.
        masked: makes labels of a row count for nothing.
    """

    def __init__(self, rows: Any, masked: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        self._rows, self._masked = rows, masked

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """Several rows (`torch`'s fetcher asks for a whole batch)."""
        columns = self._rows[[max(index, 0) for index in indices]]
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return [self._masked(row) if index < 0 else row for index, row in zip(indices, rows, strict=True)]


def evaluation_batches(lengths: Sequence[int], rows: int, workers: int, worker: int) -> list[list[int]]:
    """The batches of row indices that one worker evaluates; every row stands in exactly one worker's batches.

    Batches are cut before they are dealt, longest first, so that each holds the same rows, and gives the
    same text, for any number of workers.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches = [order[start : start + rows] for start in range(0, len(order), rows)]
    return batches[worker::workers]
