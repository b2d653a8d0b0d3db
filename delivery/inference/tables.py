"""Tables of predictions, as files of the formats that kotune reads: CSV, tabs, JSON lines."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from corpora.records import DELIMITERS
from delivery.results.output_paths import check_file
from foundation.durable import new_file
from foundation.errors import UserError
from foundation.standard_output import text_output

_JSON_LINES = ".jsonl"
_SUFFIXES = (*DELIMITERS, _JSON_LINES)


def check_table(option: str, path: Path, inputs: Sequence[Path]) -> None:
    """Checks that a table can be written to `path`, the value of `option`, and says if it replaces a file.

    Args:
        inputs: Files and folders that are read: no file is replaced or written there.

    Raises:
        UserError: No table can be written there.
    """
    check_file(option, path, inputs)
    if path.suffix.lower() not in _SUFFIXES:
        problem = f"{option} {path}: a table has no format of the suffix {path.suffix!r}"
        raise UserError(problem, ", ".join(_SUFFIXES), f"{option} {path.with_suffix('.csv')}")
    if path.exists():
        print(f"{option} {path} exists and will be replaced", file=sys.stderr)


def write_table(path: Path | None, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table, atomically.

    Args:
        path: Its suffix gives the format; None writes CSV to standard output.
        names: Of the columns.
        rows: A cell that is None is empty.
    """
    if path is None:
        _write(text_output(), ".csv", names, rows)
        return
    with new_file(path, newline="") as file:
        _write(file, path.suffix.lower(), names, rows)


def _write(file: TextIO, suffix: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    if suffix == _JSON_LINES:
        for row in rows:
            file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")
        return
    table = csv.writer(file, delimiter=DELIMITERS[suffix], lineterminator="\n")
    quoted = csv.writer(file, delimiter=DELIMITERS[suffix], lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in (names, *rows):
        # The module leaves a carriage return without quotes, and readers end the row there.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (quoted if has_return else table).writerow(row)
