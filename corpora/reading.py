"""Reads a table of texts; every row of the file is returned or refused with its line number."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corpora.data_files import DataFile
from corpora.file_types import content_problem, suffix_problem
from corpora.json_records import JSON
from corpora.parquet_records import PARQUET
from corpora.records import DELIMITED, Content, FileFormat, Request
from corpora.table_rows import Refusals, Refused, Roles, column_problems, rows_of
from foundation.errors import UserError, nearest, raise_all
from search_spaces.choices import BrokenRows, Quoting

#: Suffix -> format. A new format is a `FileFormat` and its place here.
FORMATS = {suffix: entry for entry in (DELIMITED, JSON, PARQUET) for suffix in entry.suffixes}


@dataclass(frozen=True)
class Table:
    """The rows of one file; `rows[i]` starts in line `line_numbers[i]` (1-based) of the file.

    `columns` are the names in the file, or those of `header`; `rows` are keyed by role. `sha256` is the hash of the
    bytes that were read. `rows` and `refused` together are all rows of the file; `refused` is empty unless
    broken="skip".
    """

    path: str
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    sha256: str
    encoding: str
    line_numbers: list[int]
    refused: list[Refused] = field(default_factory=list)


def read_table(
    path: str | Path,
    required: Mapping[str, str],
    optional: Mapping[str, str] = {},
    *,
    quoting: Quoting = Quoting.AUTO,
    max_problems: int = 20,
    header: Sequence[str] = (),
    broken: BrokenRows = BrokenRows.STOP,
    any_of: Mapping[str, str] = {},
) -> Table:
    """Reads a file with a suffix of `FORMATS` completely, or refuses it with all its broken rows.

    Texts are NFC normalized and stripped; whitespace and line breaks inside a text stay. Numbers in JSON keep their
    digits as written; a target of true or false becomes that word. Blank lines at the end are ignored; a blank line
    between rows is a broken row. UTF-8, UTF-16 and UTF-32 with a BOM, and CP949 are detected. Wrong columns are
    reported before broken rows.

    Args:
        path: The file; its suffix gives the format: comma, tab, JSON (an object per line, or in a .json file an array)
            or Parquet.
        required: Role -> column; every row must have text in each of them.
        optional: Role -> column, used if the file has the column ("" if a row has no text). The role "id" is always
            set: without its column the ids are the row numbers in the file, from 1.
        quoting: "csv" (doubled quotation marks, line breaks in quotes), "none" (a quotation mark is an ordinary
            character), or "auto": "csv" for .csv; "none" for .tsv and .txt, where a quote-aware reader loses rows,
            unless every field that begins with a quotation mark is a complete quoted field on its own line.
        max_problems: Number of broken rows in the message; the others are counted.
        header: Column names of a file without a header line. A first line with the required columns, or with any of
            the names, is still a header. Ignored for JSON and Parquet, which have names of their own.
        broken: "stop", or "skip", which collects unusable rows in `Table.refused`. If a quotation mark swallows several
            lines, each line counts as a row, since the ends of the rows are unknown.
        any_of: Role -> column; every row must have text in one of them ("" in the others).

    Raises:
        UserError: the file is missing, a folder, has an unknown suffix or encoding, no rows, missing or duplicate
            columns, rows that do not fit `header`, or broken rows (with "skip": only broken rows). Several problems
            are one `UserErrors`.
    """
    roles = Roles(required, optional, any_of)
    file, content = open_table(path, roles, quoting=quoting, header=header, broken=broken)
    records = list(content.records())
    while records and records[-1].is_blank:
        records.pop()
    columns = content.columns
    if columns is None:
        columns = tuple(dict.fromkeys(name for record in records for name in record.values))
    has_names = has_own_names(file.path)
    raise_all(column_problems(file.path, columns, roles, has_rows=bool(records), names_columns=has_names))
    present = roles.present(columns)
    numbered, every_line = "id" in optional and "id" not in present, broken == BrokenRows.SKIP
    table = Table(str(file.path), columns, [], file.sha256, content.encoding, [])
    refusals = Refusals(max_problems)
    for entry in rows_of(records, present, roles, numbered=numbered, every_line=every_line):
        refusals.count(entry)
        if isinstance(entry, Refused):
            table.refused.append(entry)
        else:
            table.line_numbers.append(entry[0])
            table.rows.append(entry[1])
    if table.refused and (broken == BrokenRows.STOP or not table.rows):
        raise refusals.error(file.path, format_of(file.path), columns, roles)
    file.check_unchanged()
    return table


def open_table(
    path: str | Path, roles: Roles, *, quoting: Quoting, header: Sequence[str], broken: BrokenRows
) -> tuple[DataFile, Content]:
    """Opens a table without reading its rows; see `read_table` for the arguments.

    Raises:
        UserError: The file is missing, a folder, blank, or has an unknown suffix, encoding or header.
    """
    path = Path(path)
    _check_arguments(path, quoting, broken)
    file = DataFile.at(path)
    if file.is_blank():
        raise UserError(f"{path} is empty", "a file with rows", "write it again, or use another file")
    if problem := content_problem(path, file.head, list(FORMATS)):
        raise problem
    return file, format_of(path).read(Request(file, roles.columns, list(roles.required.values()), quoting, header))


def has_own_names(path: str | Path) -> bool:
    """Whether the format of a file has column names and quoting of its own; False for an unknown format."""
    file_format = FORMATS.get(Path(path).suffix.lower())
    return file_format is not None and file_format.names_columns


def format_of(path: Path) -> FileFormat:
    """Returns the format of a file whose suffix is known."""
    return FORMATS[path.suffix.lower()]


def _check_arguments(path: Path, quoting: Quoting, broken: BrokenRows) -> None:
    problems = []
    if os.path.isdir(path):  # unlike Path.is_dir, os.path accepts names with NUL
        problems.append(UserError(f"{path} is a folder", "one file", "use a file in it"))
    elif os.path.exists(path) and not os.path.isfile(path):  # reading from a pipe without a writer would block forever
        problems.append(UserError(f"{path} is a pipe or a device", "one file", "write its output to a file"))
    elif path.suffix.lower() not in FORMATS:
        problems.append(suffix_problem(path, list(FORMATS)))
    if quoting not in tuple(Quoting):
        problems.append(
            UserError(f"quoting {quoting!r}", ", ".join(Quoting), nearest(quoting, Quoting) or "choose one of them")
        )
    elif quoting != Quoting.AUTO and has_own_names(path):
        problems.append(UserError(f"{path}: quoting {quoting!r} for {path.suffix}", "auto", "remove quoting"))
    if broken not in tuple(BrokenRows):
        problems.append(
            UserError(
                f"broken rows {broken!r}", ", ".join(BrokenRows), nearest(broken, BrokenRows) or "choose one of them"
            )
        )
    raise_all(problems)
