"""Tables of tokenised rows, made once, kept by content, read memory-mapped by every worker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute
from datasets import Dataset, load_from_disk
from datasets.utils.logging import disable_progress_bar
from filelock import FileLock


def cached(root: Path, key: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> Path:
    """The folder with the table of `key`, made by `make` (column -> values) if it is not there yet.

    The folder appears whole or not at all; two processes that ask at once make it once.
    """
    folder = root / key
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{key}.lock"):
        if not folder.is_dir():
            staging = root / f".{key}.{os.getpid()}.tmp"
            disable_progress_bar()
            Dataset.from_dict(dict(make())).save_to_disk(staging)
            shutil.rmtree(folder, ignore_errors=True)
            staging.rename(folder)
    return folder


def open_table(folder: str | Path) -> Dataset:
    """The table in `folder`, memory-mapped: workers of one machine share its pages."""
    return load_from_disk(str(folder), keep_in_memory=False)


def values(table: Dataset | Mapping[str, Sequence[Any]], column: str) -> list[Any]:
    """A whole column as a list. The column of a `Dataset` is read a row at a time: seconds for 150,000 rows."""
    return _arrow(table, column).to_pylist() if isinstance(table, Dataset) else list(table[column])


def lengths(table: Dataset, column: str) -> list[int]:
    """How many elements the lists of a column have, without making lists of them."""
    found: list[int] = pyarrow.compute.list_value_length(_arrow(table, column)).to_pylist()
    return found


def _arrow(table: Dataset, column: str) -> Any:
    return table.with_format("arrow")[column]
