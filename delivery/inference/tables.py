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
        TableWriter(text_output(), ".csv", names).write(rows)
        return
    with new_file(path, newline="") as file:
        TableWriter(file, path.suffix, names).write(rows)


class TableWriter:
    """Writes a table to a stream, in parts.

    Args:
        suffix: Gives the format.
        names: Of the columns.
        header: Write the names first, in a format that has them.
    """

    def __init__(self, file: TextIO, suffix: str, names: Sequence[str], *, header: bool = True) -> None:
        self._file, self._names, self._is_json = file, names, suffix.lower() == _JSON_LINES
        delimiter = DELIMITERS.get(suffix.lower(), ",")
        self._table = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        self._quoted = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        if header and not self._is_json:
            self._write_cells(names)

    def write(self, rows: Iterable[Sequence[Any]]) -> None:
        """Writes rows; a cell that is None is empty."""
        for row in rows:
            if self._is_json:
                cells = dict(zip(self._names, row, strict=True))
                self._file.write(json.dumps(cells, ensure_ascii=False) + "\n")
            else:
                self._write_cells(row)

    def _write_cells(self, row: Sequence[Any]) -> None:
        # The module leaves a carriage return without quotes, and readers end the row there.
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (self._quoted if has_return else self._table).writerow(row)
