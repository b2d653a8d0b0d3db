"""Cached tables of tokenized rows, keyed by content, read memory-mapped by every worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_from_disk
from datasets.utils.logging import disable_progress_bar
from filelock import FileLock

from foundation.durable import new_folder


def cached(root: Path, key: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> Path:
    """Returns the folder with the table of `key`; `make` returns its columns (name -> values) if it does not exist.

    The folder appears atomically; of two processes that need it at once, one makes it and the other waits.
    """
    folder = root / key
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{key}.lock"):
        if not folder.is_dir():
            disable_progress_bar()
            with new_folder(folder) as staging:
                Dataset.from_dict(dict(make())).save_to_disk(staging)
    return folder


def open_table(folder: str | Path) -> Dataset:
    """Opens the table in `folder` memory-mapped, so that workers of one machine share its pages."""
    return load_from_disk(str(folder), keep_in_memory=False)


def values(table: Dataset | Mapping[str, Sequence[Any]], column: str) -> list[Any]:
    """Returns a column as a list, through Arrow: `Dataset` reads row by row, which takes seconds for 150,000 rows."""
    if not isinstance(table, Dataset):
        return list(table[column])
    column_values: list[Any] = table.with_format("arrow")[column].to_pylist()
    return column_values
