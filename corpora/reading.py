"""Read one table of texts exactly: every row of the file is either returned or refused with its line number."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from corpora.encodings import decode
from corpora.records import (
    DELIMITERS,
    JSON_SUFFIXES,
    QUOTATION,
    Record,
    clean,
    column_name,
    doubles,
    in_quotes,
    is_json,
    read_records,
)
from foundation.errors import UserError, nearest, raise_all
from search_spaces.choices import BrokenRows, Quoting

_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # a lone surrogate, from a JSON escape, cannot be written as UTF-8 again


@dataclass(frozen=True)
class Refused:
    """A row that was left out: the line it starts in (1-based), and why it cannot be used."""

    line: int
    reason: str


@dataclass(frozen=True)
class Table:
    """The rows of one file; `rows[i]` starts in line `line_numbers[i]` (1-based) of the file.

    `columns` are the file's own names, or those given for a file without any; `rows` are keyed by role. `sha256` is of
    the bytes that were read. `rows` and `refused` together are all rows of the file; only broken="skip" refuses any.
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
) -> Table:
    """Read a .csv, .tsv, .txt or .jsonl file whole, or refuse it with all its broken rows.

    Texts are NFC normalised and stripped of surrounding whitespace; line breaks and whitespace inside are kept as
    they stand. Numbers in JSON lines keep the digits they are written with. Blank lines after the last row are no
    rows; a blank line between two rows is a broken one. UTF-8, UTF-16 and UTF-32 with a BOM, and CP949 are recognised.
    Wrong columns are reported before broken rows, which are judged by them.

    Args:
        path: the file; its suffix says the format: comma, tab, or one JSON object per line.
        required: role -> column; every row must hold text in each of them.
        optional: role -> column, filled when the file has the column (with "" where a row has no text). The role
            "id" is always filled: without its column the ids are the row numbers in the file, from 1.
        quoting: "csv" (doubled quotation marks, line breaks in quotes), "none" (a quotation mark is a character like
            any other), or "auto": "csv" for .csv; "none" for .tsv and .txt, where a quote-aware reader loses rows,
            unless every field that begins with a quotation mark is, on its own line, a whole quoted field.
        max_problems: how many broken rows the message lists; the others are counted.
        header: the column names of a file that has none in its first line. A first line that holds the required
            columns is a header all the same; so is one with any of the names, which then lacks the others. JSON
            lines name their columns themselves and do not look at it.
        broken: "stop", or "skip", which keeps the rows that cannot be used in `Table.refused`. Where a quotation mark
            swallowed several lines, each of them counts as a row, since nobody knows where the rows ended.

    Raises:
        UserError: no such file, a folder, an unknown suffix or quoting, an unknown encoding, no rows, missing or
            doubled columns, rows that do not fit `header`, broken rows ("skip": only broken rows). Several of them
            are one `UserErrors`.
    """
    path = Path(path)
    _check_arguments(path, quoting, broken)
    raw = _bytes(path)
    text, encoding = decode(path, raw)
    columns, records = read_records(path, text, quoting, header, list(required.values()))
    raise_all(_column_problems(path, columns, required, bool(records)))
    present = {role: column for role, column in {**optional, **required}.items() if column_name(column) in columns}
    numbered = "id" in optional and "id" not in present
    rows, lines, refused = _take(records, present, required, numbered=numbered, every_line=broken == BrokenRows.SKIP)
    if refused and (broken == BrokenRows.STOP or not rows):
        raise _refusal(path, refused, len(rows), columns, required, max_problems)
    return Table(str(path), columns, rows, hashlib.sha256(raw).hexdigest(), encoding, lines, refused)


def _check_arguments(path: Path, quoting: Quoting, broken: BrokenRows) -> None:
    problems = []
    if os.path.isdir(path):  # unlike Path's own, these take a name that no file can have
        problems.append(UserError(f"{path} is a folder", "one file", "name a file in it"))
    elif os.path.exists(path) and not os.path.isfile(path):  # reading a pipe that nobody writes to would never end
        problems.append(UserError(f"{path} is a pipe or a device", "one file", "write what it gives into a file"))
    elif path.suffix.lower() not in (*DELIMITERS, *JSON_SUFFIXES):
        allowed = ", ".join((*DELIMITERS, *JSON_SUFFIXES))
        problems.append(UserError(f"{path}: unknown suffix {path.suffix!r}", allowed, "convert or rename the file"))
    if quoting not in tuple(Quoting):
        problems.append(
            UserError(f"quoting {quoting!r}", ", ".join(Quoting), nearest(quoting, Quoting) or "choose one of them")
        )
    elif quoting != Quoting.AUTO and is_json(path):
        problems.append(UserError(f"{path}: quoting {quoting!r} for JSON lines", "auto", "leave quoting out"))
    if broken not in tuple(BrokenRows):
        problems.append(
            UserError(
                f"broken rows {broken!r}", ", ".join(BrokenRows), nearest(broken, BrokenRows) or "choose one of them"
            )
        )
    raise_all(problems)


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        siblings = path.parent.iterdir() if path.parent.is_dir() else []
        # The stem alone: an equal suffix makes unlike names look near.
        close = nearest(path.stem, [file.stem for file in siblings if file.suffix == path.suffix])
        todo = close.replace("'?", f"{path.suffix}'?") or "check the path"
        raise UserError(f"{path}: no such file", "a file that is there", todo) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "a readable file", "check its rights") from None
    except ValueError as error:  # a NUL in the name
        raise UserError(f"{str(path)!r} cannot be read: {error}", "a readable file", "check the path") from None
    if not raw.strip():
        raise UserError(f"{path} is empty", "a file with rows", "write it again, or name another file")
    return raw


# ---- columns and roles


def _column_problems(
    path: Path, columns: Sequence[str], required: Mapping[str, str], has_rows: bool
) -> list[UserError]:
    problems = []
    if doubled := doubles(columns):
        given = f"{path}: the header names {in_quotes(doubled)} more than once"
        problems.append(UserError(given, "each column name once", "rename or remove the doubled columns"))
    if columns or not is_json(path):
        problems += [
            _missing(path, role, column, columns)
            for role, column in required.items()
            if column_name(column) not in columns
        ]
    if not has_rows:
        problems.append(UserError(f"{path} has no rows after its header", "at least one row", "name another file"))
    return problems


def _missing(path: Path, role: str, column: str, columns: Sequence[str]) -> UserError:
    near = nearest(column_name(column), columns)
    given = f"{path} has no column {column!r} for {role!r}" + (f"; {near}" if near else "")
    todo = f"the first line must hold the column names: {column!r} there, or --set columns.{role}=NAME in training"
    if len(columns) == 1 and (wrong := re.search("[\t,;|]", columns[0])):
        todo = f"its fields are separated by {wrong[0]!r}: .csv is for commas, .tsv for tabs"
    return UserError(given, f"the columns it has: {in_quotes(columns)}", todo)


def _take(
    records: Sequence[Record],
    present: Mapping[str, str],
    required: Mapping[str, str],
    *,
    numbered: bool,
    every_line: bool,
) -> tuple[list[dict[str, str]], list[int], list[Refused]]:
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    refused: list[Refused] = []
    for record in records:
        row, reason = ({}, record.problem) if record.problem else _row(record.values, present, required)
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
    values: Mapping[str, object], present: Mapping[str, str], required: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    row: dict[str, str] = {}
    reasons = []
    for role, column in present.items():
        value = values.get(column_name(column))
        row[role] = clean(value) if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            reasons.append(f"{column!r} is neither text nor a number")
        elif not row[role] and role in required:
            reasons.append(f"{column!r} is empty")
        elif _UNUSABLE.search(row[role]):
            reasons.append(f"{column!r} holds a NUL or half a surrogate pair")
    return row, "; ".join(reasons)


def _refusal(
    path: Path, refused: Sequence[Refused], taken: int, columns: Sequence[str], required: Mapping[str, str], most: int
) -> UserError:
    problems = [f"line {row.line:,}: {row.reason}" for row in refused[:most]]
    more = [f"and {len(refused) - most:,} more"] if len(refused) > most else []
    miscut = any(QUOTATION in row.reason for row in refused)  # then nobody knows how many rows there are
    number = f"{len(refused):,}" if miscut else f"{len(refused):,} of {taken + len(refused):,}"
    given = f"{path}: {number} rows cannot be used, so none was taken"
    shape = "a JSON object per line" if is_json(path) else f"{len(columns)} fields per row"
    allowed = f"{shape}, text in {in_quotes(list(required.values()))}"
    todo = ["mend or delete these rows"]
    if miscut:
        todo.append(f'a {QUOTATION} inside a quoted field is doubled (""); quoting "none" takes it as it stands')
    elif any(" fields where " in row.reason for row in refused) and not is_json(path):
        todo.append('quoting "csv" lets a quoted field hold separators and line breaks')
    if taken:
        todo.append("--set data.broken_rows=skip leaves them out")
    return UserError("\n    ".join([given, *problems, *more]), allowed, "; ".join(todo))
