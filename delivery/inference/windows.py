"""Predictions for a stream of rows in windows: few rows are in memory, and those of a batch have similar lengths.

The windows of a file are always the same, so that a row is predicted in the same batch when an output is continued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from corpora.table_rows import Refused
from delivery.inference.predictor import Batches, Model, collected
from trainables.tasks.task import Row

#: A window ends at the first of these: rows, but at least some batches to sort; characters of all texts.
_ROWS, _BATCHES, _CHARACTERS = 4096, 16, 1 << 21


@dataclass
class Window:
    """Some rows of a file, and what was refused between them."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def windows_of(entries: Iterable[Row | Refused], batch_size: int) -> Iterator[Window]:
    """Yields the rows of a file in windows, which are independent of everything but the file and the batch size."""
    most = batch_size * max(_BATCHES, _ROWS // batch_size)
    window, characters = Window(), 0
    for entry in entries:
        if isinstance(entry, Refused):
            window.refused.append(entry)
        else:
            window.rows.append(entry)
            characters += sum(map(len, entry.values()))
        if len(window.rows) + len(window.refused) >= most or characters >= _CHARACTERS:
            yield window
            window, characters = Window(), 0
    if window.rows or window.refused:
        yield window


def predict_windows(
    model: Model, windows: Iterable[Window], batch_size: int, on_batch: Callable[[int], None]
) -> Iterator[tuple[Window, list[Any]]]:
    """Yields each window with one prediction per row, in order.

    Args:
        on_batch: Called after each batch with its number of rows.
    """
    started: deque[tuple[Window, Batches]] = deque()
    for window in windows:
        started.append((window, model.predict(window.rows, batch_size)))
        if len(started) > model.ahead:
            yield _finished(*started.popleft(), on_batch)
    while started:
        yield _finished(*started.popleft(), on_batch)


def _finished(window: Window, batches: Batches, on_batch: Callable[[int], None]) -> tuple[Window, list[Any]]:
    return window, collected(batches, len(window.rows), on_batch)
