"""Reads a table of texts; every row of the file is returned or refused with its line number."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corpora.file_types import content_problem, suffix_problem
from corpora.json_records import JSON
from corpora.names import clean, column_name, duplicates, in_quotes, is_visible
from corpora.parquet_records import PARQUET
from corpora.records import DELIMITED, QUOTATION, FileFormat, Record, Request
from foundation.errors import UserError, nearest, raise_all
from foundation.safe_paths import read_regular
from search_spaces.choices import BrokenRows, Quoting

_LIST = "a list"  # in every reason about several values in one field
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # a lone surrogate (from a JSON escape) cannot be encoded as UTF-8


#: Suffix -> format. A new format is a `FileFormat` and its place here.
FORMATS = {suffix: entry for entry in (DELIMITED, JSON, PARQUET) for suffix in entry.suffixes}


@dataclass(frozen=True)
class Refused:
    """A row that cannot be used: its first line (1-based; in a Parquet file its row), and the reason."""

    line: int
    reason: str


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
    path = Path(path)
    _check_arguments(path, quoting, broken)
    raw = _bytes(path)
    needed = [*optional.values(), *any_of.values(), *required.values()]
    content = _format(path).read(Request(path, raw, needed, list(required.values()), quoting, header))
    columns, records = content.columns, content.records
    raise_all(_column_problems(path, columns, required, any_of, bool(records)))
    roles = {**optional, **any_of, **required}
    present = {role: column for role, column in roles.items() if column_name(column) in columns}
    numbered = "id" in optional and "id" not in present
    rows, lines, refused = _usable_rows(
        records, present, required, any_of, numbered=numbered, every_line=broken == BrokenRows.SKIP
    )
    if refused and (broken == BrokenRows.STOP or not rows):
        raise _refusal(path, refused, len(rows), columns, required, any_of, max_problems)
    return Table(str(path), columns, rows, hashlib.sha256(raw).hexdigest(), content.encoding, lines, refused)


def has_own_names(path: str | Path) -> bool:
    """Whether the format of a file has column names and quoting of its own; False for an unknown format."""
    file_format = FORMATS.get(Path(path).suffix.lower())
    return file_format is not None and file_format.names_columns


def _format(path: Path) -> FileFormat:
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


def _bytes(path: Path) -> bytes:
    try:
        raw = read_regular(path)
    except FileNotFoundError:
        siblings = path.parent.iterdir() if path.parent.is_dir() else []
        # Only the stem: equal suffixes would make different names similar.
        close = nearest(path.stem, [file.stem for file in siblings if file.suffix == path.suffix])
        todo = close.replace("'?", f"{path.suffix}'?") or "check the path"
        raise UserError(f"{path}: no such file", "an existing file", todo) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    except ValueError as error:  # a NUL in the name
        raise UserError(f"{str(path)!r} cannot be read: {error}", "a readable file", "check the path") from None
    if not raw.strip():
        raise UserError(f"{path} is empty", "a file with rows", "write it again, or use another file")
    if problem := content_problem(path, raw, list(FORMATS)):
        raise problem
    return raw


# ---- columns and roles


def _column_problems(
    path: Path, columns: Sequence[str], required: Mapping[str, str], any_of: Mapping[str, str], has_rows: bool
) -> list[UserError]:
    problems = []
    if repeated := duplicates(columns):
        problem = f"{path}: duplicate columns in the header: {in_quotes(repeated)}"
        problems.append(UserError(problem, "each column name once", "rename or remove the duplicate columns"))
    if columns or not has_own_names(path):
        alternatives = [(role, [column]) for role, column in required.items()]
        alternatives += [(next(iter(any_of)), [*any_of.values()])] if any_of else []
        problems += [
            _missing(path, role, names, columns)
            for role, names in alternatives
            if not {column_name(name) for name in names} & {*columns}
        ]
    if not has_rows:
        problems.append(UserError(f"{path} has no rows after its header", "at least one row", "use another file"))
    return problems


def _missing(path: Path, role: str, names: Sequence[str], columns: Sequence[str]) -> UserError:
    """Returns the problem of a role for which a file has none of the columns `names`."""
    column, *others = names
    near = nearest(column_name(column), columns)
    written = " or ".join(map(repr, names)) if others else repr(column)
    problem = f"{path} has no column {written} for {role!r}" + (f"; {near}" if near else "")
    todo = f"write the column names in the first line, with {column!r}, or use --set columns.{role}=NAME"
    if len(columns) == 1 and (wrong := re.search("[\t,;|]", columns[0])):
        todo = f"its fields are separated by {wrong[0]!r}; use .csv for commas and .tsv for tabs"
    return UserError(problem, f"the columns of the file: {in_quotes(columns)}", todo)


def _usable_rows(
    records: Sequence[Record],
    present: Mapping[str, str],
    required: Mapping[str, str],
    any_of: Mapping[str, str],
    *,
    numbered: bool,
    every_line: bool,
) -> tuple[list[dict[str, str]], list[int], list[Refused]]:
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    refused: list[Refused] = []
    for record in records:
        row, reason = ({}, record.problem) if record.problem else _row(record.values, present, required, any_of)
        if reason:
            refused += _refused(record, reason, every_line)
        else:
            identity = {"id": str(len(rows) + len(refused) + 1)} if numbered else {}
            rows.append({**identity, **row})
            lines.append(record.line)
    return rows, lines, refused


def _refused(record: Record, reason: str, every_line: bool) -> list[Refused]:
    swallowed = range(record.line + 1, record.line + 1 + record.swallowed) if every_line else ()
    return [Refused(record.line, reason), *(Refused(line, _swallowed_by(record.line)) for line in swallowed)]


def _swallowed_by(line: int) -> str:
    return f"swallowed by a {QUOTATION} in line {line:,}"


def _row(
    values: Mapping[str, object], present: Mapping[str, str], required: Mapping[str, str], any_of: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    row: dict[str, str] = {}
    reasons = []
    for role, column in present.items():
        value = values.get(column_name(column))
        if isinstance(value, bool) and role.startswith("target"):
            value = str(value).lower()  # as JSON writes it
        row[role] = clean(value) if isinstance(value, str) else ""
        if isinstance(value, list):
            reasons.append(f"{column!r} is {_LIST} of {len(value)}")
        elif value is not None and not isinstance(value, str):
            reasons.append(f"{column!r} is neither text nor a number")
        elif not row[role] and role in required:
            reasons.append(f"{column!r} is empty")
        elif _UNUSABLE.search(row[role]):
            reasons.append(f"{column!r} contains a NUL or half a surrogate pair")
        elif row[role] and role in required and not is_visible(row[role]):
            reasons.append(f"{column!r} has only invisible characters")
        elif role in any_of and not is_visible(row[role]):
            row[role] = ""
    if any_of and not reasons and not any(row.get(role) for role in any_of):
        reasons.append(f"{in_quotes([present[role] for role in any_of if role in present])} have no text")
    return row, "; ".join(reasons)


def _refusal(
    path: Path,
    refused: Sequence[Refused],
    usable: int,
    columns: Sequence[str],
    required: Mapping[str, str],
    any_of: Mapping[str, str],
    most: int,
) -> UserError:
    file_format = _format(path)
    problems = [f"{file_format.unit} {row.line:,}: {row.reason}" for row in refused[:most]]
    more = [f"and {len(refused) - most:,} more"] if len(refused) > most else []
    miscut = any(QUOTATION in row.reason for row in refused)  # then the number of rows is unknown
    number = f"{len(refused):,}" if miscut else f"{len(refused):,} of {usable + len(refused):,}"
    problem = f"{path}: {number} rows cannot be used, so the file was not read"
    allowed = f"{file_format.row.format(fields=len(columns))}, text in {in_quotes(list(required.values()))}"
    allowed += f" and in one of {in_quotes(list(any_of.values()))}" if any_of else ""
    todo = ["fix or delete these rows"]
    if miscut:
        todo.append(f'write a {QUOTATION} inside a quoted field twice (""), or use quoting "none" for plain characters')
    elif any(_LIST in row.reason for row in refused):
        todo.append("a row has one text in each column: join the texts of a list, or write a row for each of them")
    elif any(" fields where " in row.reason for row in refused):
        todo.append('use quoting "csv" if quoted fields contain separators or line breaks')
    if usable:
        todo.append("or skip them with --set data.broken_rows=skip")
    return UserError("\n    ".join([problem, *problems, *more]), allowed, "; ".join(todo))
