"""Cached tables of tokenized rows, keyed by content, read memory-mapped by every worker."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import Dataset, load_from_disk
from datasets.utils.logging import disable_progress_bar
from filelock import FileLock

from foundation.checked_json import read_json
from foundation.checksums import damaged_files, folder_checksums
from foundation.durable import new_folder, write_json
from foundation.errors import UserError

_log = logging.getLogger(__name__)

#: In the folder of a table: name -> CRC-32 of its other files.
_CHECKSUMS = "checksums.json"


def cached(root: Path, key: str, make: Callable[[], Mapping[str, Sequence[Any]]]) -> Path:
    """Returns the folder with the table of `key`; `make` returns its columns (name -> values) if it does not exist
    or is damaged.

    The folder appears atomically; of two processes that need it at once, one makes it and the other waits.
    """
    folder = root / key
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f".{key}.lock"):
        if folder.is_dir() and not is_intact(folder):
            _log.warning("table %s is damaged, and is made again", folder)
            shutil.rmtree(folder)
        if not folder.is_dir():
            disable_progress_bar()
            with new_folder(folder) as staging:
                Dataset.from_dict(dict(make())).save_to_disk(staging)
                write_json(staging / _CHECKSUMS, folder_checksums(staging))
    return folder


def is_intact(folder: Path) -> bool:
    """Returns whether the files of a table are as they were written; True for a table of an earlier version."""
    if not (folder / _CHECKSUMS).exists():
        return True
    try:
        checksums = read_json(folder / _CHECKSUMS, dict[str, int], "")
    except UserError:
        return False
    return not damaged_files(folder, checksums)


def open_table(folder: str | Path) -> Dataset:
    """Opens the table in `folder` memory-mapped, so that workers of one machine share its pages."""
    return load_from_disk(str(folder), keep_in_memory=False)


def values(table: Dataset | Mapping[str, Sequence[Any]], column: str) -> list[Any]:
    """Returns a column as a list, through Arrow: `Dataset` reads row by row, which takes seconds for 150,000 rows."""
    if not isinstance(table, Dataset):
        return list(table[column])
    column_values: list[Any] = table.with_format("arrow")[column].to_pylist()
    return column_values
