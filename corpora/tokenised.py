"""Tables of tokenised rows, made once, kept by content, read memory-mapped by every worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_from_disk
from datasets.utils.logging import disable_progress_bar
from filelock import FileLock

from foundation.durable import new_folder


def cached(root: Path, key: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> Path:
    """The folder with the table of `key`, made by `make` (column -> values) if it is not there yet.

    The folder appears whole or not at all; two processes that ask at once make it once.
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
    """The table in `folder`, memory-mapped: workers of one machine share its pages."""
    return load_from_disk(str(folder), keep_in_memory=False)


def values(table: Dataset | Mapping[str, Sequence[Any]], column: str) -> list[Any]:
    """A whole column as a list. The column of a `Dataset` is read a row at a time: seconds for 150,000 rows."""
    if not isinstance(table, Dataset):
        return list(table[column])
    found: list[Any] = table.with_format("arrow")[column].to_pylist()
    return found
