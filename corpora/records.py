"""Splits the text of a table into records with line numbers: comma or tab separated, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from foundation.errors import UserError, nearest
from search_spaces.choices import Quoting

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json-lines")
QUOTATION = "quotation mark"  # in every reason that another quoting may fix
_QUOTED_FIELD = re.compile(r'(?:^|(?<=\t))"(?:[^"]|"")*+"(?=\t|$)')


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: its first line, and its values by column, or the `problem` of a row without values.

    `swallowed` is the number of following lines that a misplaced quotation mark includes; they may have been rows.
    """

    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    swallowed: int = 0


_Row = tuple[int, list[str] | Record]  # first line; fields, or a record with the problem


def is_json(path: Path) -> bool:
    """Whether the suffix means one JSON object per line."""
    return path.suffix.lower() in JSON_SUFFIXES


def read_records(
    path: Path, text: str, quoting: Quoting, header: Sequence[str] = (), required: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[Record]]:
    """Returns the columns and records of `text`, the content of `path`; `quoting` and `header` as in `read_table`.

    Args:
        required: Columns of which a first line must have one to be a header, if `header` is set.

    Raises:
        UserError: the first line has no column names, or rows do not fit `header`.
    """
    return _json_records(text) if is_json(path) else _table_records(path, text, quoting, header, required)


# ---- comma and tab


def _table_records(
    path: Path, text: str, quoting: Quoting, header: Sequence[str], required: Sequence[str]
) -> tuple[tuple[str, ...], list[Record]]:
    delimiter = DELIMITERS[path.suffix.lower()]
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of classic Mac OS
    quoted = quoting == Quoting.CSV or (quoting == Quoting.AUTO and (delimiter == "," or _reads_as_quoted(text)))
    lines = _quoted_rows(text, delimiter) if quoted else _plain_rows(text, delimiter)
    columns, rows = _below_header(path, _without_trailing_blank_lines(list(lines)), header, required)
    return columns, [_record(line, fields, columns) for line, fields in rows]


def _reads_as_quoted(text: str) -> bool:
    """Whether there are fields that begin with a quotation mark, and all of them are complete on their line."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    tabs = _QUOTED_FIELD.sub("", lines[0]).count("\t")
    count = 0
    for line in lines:
        if '"' not in line:
            continue
        rest, number = _QUOTED_FIELD.subn("", line)
        if rest.startswith('"') or '\t"' in rest:
            return False
        # Two fields such as `"a` and `b"` look like one field with a tab; the number of fields decides.
        if line.count("\t") == tabs and rest.count("\t") != tabs:
            return False
        count += number
    return count > 0


def _plain_rows(text: str, delimiter: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        yield number, line.split(delimiter) if line else []


def _quoted_rows(text: str, delimiter: str) -> Iterator[_Row]:
    """Yields the fields of each row, or a record with its problem; the next row then starts on the next line."""
    with _field_size_limit(len(text)):
        lines = io.StringIO(text.rstrip("\r\n"), newline="\n")  # blank lines at the end do not count as swallowed rows
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                fields: list[str] | Record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = _explained(str(error), line, reader.line_num)
                fields = Record(line, problem=problem, swallowed=reader.line_num - line)
            yield line, fields


_limit_lock = threading.Lock()


@contextmanager
def _field_size_limit(characters: int) -> Iterator[None]:
    # csv has one limit per process, which must be restored for other readers.
    with _limit_lock:
        previous = csv.field_size_limit()
        csv.field_size_limit(max(previous, characters + 1))
        try:
            yield
        finally:
            csv.field_size_limit(previous)


def _explained(error: str, start: int, end: int) -> str:
    place = f" (in line {end:,})" if end > start else ""
    if "unexpected end of data" in error:
        return f"a {QUOTATION} is never closed and swallows everything up to line {end:,}"
    if "expected after" in error:
        return f"text after a closing {QUOTATION}{place}"
    if "new-line character" in error:
        return f"a bare carriage return outside {QUOTATION}s{place}"
    return error + place


def _without_trailing_blank_lines(rows: list[_Row]) -> list[_Row]:
    while rows and not rows[-1][1]:
        rows.pop()
    return rows


def _below_header(
    path: Path, rows: list[_Row], names: Sequence[str], required: Sequence[str]
) -> tuple[tuple[str, ...], list[_Row]]:
    """Returns the column names and the data rows: all rows if `names` is set and the first line is not a header."""
    if not rows:
        return (), []
    line, first = rows[0]
    if not names or (isinstance(first, list) and _is_header(first, names, required)):
        return _header(path, line, first), rows[1:]
    columns = tuple(map(column_name, names))
    fits = any(isinstance(fields, Record) or len(fields) == len(columns) for _, fields in rows)
    if not fits or not {column_name(name) for name in required} <= set(columns):
        raise _no_header(path, first, columns, required)
    return columns, rows


def _is_header(first: Sequence[str], names: Sequence[str], required: Sequence[str]) -> bool:
    # One name is enough: a header with a missing column, or in capitals, must not become a row.
    return not {column_name(name).casefold() for name in (*names, *required)}.isdisjoint(
        column_name(name).casefold() for name in first
    )


def _no_header(path: Path, first: list[str] | Record, names: Sequence[str], required: Sequence[str]) -> UserError:
    fields = first if isinstance(first, list) else []
    shown = in_quotes([name if len(name) <= 30 else name[:29] + "…" for name in fields])
    near = [f"{name!r}: {clause}" for name in required if (clause := nearest(name, fields))]
    problem = f"{path} has no header with {in_quotes(required)}; its first line is {shown}"
    allowed = f"a first line with these names, or no header and rows of {len(names)} fields: {in_quotes(names)}"
    todo = "; ".join([*near, "add a line of column names above the rows, or set columns.NAME to existing columns"])
    return UserError(problem, allowed, todo)


def _header(path: Path, line: int, fields: list[str] | Record) -> tuple[str, ...]:
    names = fields if isinstance(fields, list) else []
    problem = fields.problem if isinstance(fields, Record) else "NUL bytes" if "\0" in "".join(names) else ""
    if problem:
        allowed = "column names in the first line of a text file (UTF-16 only with a BOM)"
        raise UserError(f"{path}: line {line}: {problem}", allowed, "fix the first line")
    return tuple(map(column_name, names))


def _record(line: int, fields: list[str] | Record, header: Sequence[str]) -> Record:
    if isinstance(fields, Record):
        return fields
    if not fields:
        return Record(line, problem="a blank line")
    if len(fields) != len(header):
        return Record(line, problem=f"{len(fields)} fields where the header has {len(header)}")
    if any("\0" in value for value in fields):
        return Record(line, problem="NUL bytes")
    return Record(line, dict(zip(header, fields, strict=True)))


# ---- JSON lines


def _json_records(text: str) -> tuple[tuple[str, ...], list[Record]]:
    lines = text.rstrip().split("\n")  # not splitlines(): U+2028 may be inside a JSON string
    records = [_json_record(number, line) for number, line in enumerate(lines, start=1)]
    return tuple(dict.fromkeys(name for record in records for name in record.values)), records


def _json_record(number: int, line: str) -> Record:
    if not line.strip():
        return Record(number, problem="a blank line")
    try:
        # Numbers keep their digits: 4.20 is not 4.2, and a long id is not rounded.
        values = json.loads(
            line, parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_no_duplicates
        )
    except json.JSONDecodeError as error:
        return Record(number, problem=f"not JSON: {error.msg}, character {error.colno:,}")
    except (ValueError, RecursionError) as error:
        return Record(number, problem=f"not usable JSON: {error}")
    if not isinstance(values, dict):
        return Record(number, problem="not a JSON object {…}")
    return Record(number, {column_name(name): value for name, value in values.items()})


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    repeated = duplicates([column_name(name) for name, _ in pairs])
    if repeated:
        raise ValueError(f"duplicate key {in_quotes(repeated)}")
    return dict(pairs)


# ---- names


def clean(text: str) -> str:
    """Composes Hangul (NFC) and strips whitespace."""
    return unicodedata.normalize("NFC", text).strip()


def column_name(column: str) -> str:
    """Normalizes a column name for comparisons."""
    return clean(column)  # macOS decomposes Hangul


def duplicates(names: Sequence[str]) -> list[str]:
    """Returns the names that occur more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def in_quotes(names: Sequence[str]) -> str:
    """Formats names for a message."""
    return ", ".join(map(repr, names)) or "none"
