"""Splits the text of a table with commas or tabs into records with line numbers."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from corpora.encodings import decode
from corpora.names import column_name, in_quotes
from foundation.errors import UserError, nearest
from search_spaces.choices import Quoting

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
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


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read.

    Args:
        path, raw: Its path and its content.
        columns: All columns that are needed; `required` must have text.
        quoting, header: As in `corpora.reading.read_table`; only for formats without `names_columns`.
    """

    path: Path
    raw: bytes
    columns: Sequence[str]
    required: Sequence[str]
    quoting: Quoting
    header: Sequence[str]


@dataclass(frozen=True, slots=True)
class Content:
    """The names of the columns of a file, its records, and its encoding."""

    columns: tuple[str, ...]
    records: list[Record]
    encoding: str


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of data files.

    Args:
        suffixes: In lower case, with the dot.
        read: Reads a file, or raises UserError.
        row: What messages call a row, with `{fields}` for the number of columns.
        unit: What `Record.line` counts.
        names_columns: The format has column names and quoting of its own.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Request], Content]
    row: str
    unit: str = "line"
    names_columns: bool = True


_Row = tuple[int, list[str] | Record]  # first line; fields, or a record with the problem


def read_records(request: Request) -> Content:
    """Returns the records of a file with commas or tabs.

    Blank fields and columns without a name, which spreadsheets write at the end of each row, are left out.

    Raises:
        UserError: the first line has no column names, or rows do not fit the header.
    """
    path, quoting = request.path, request.quoting
    text, encoding = decode(path, request.raw)
    delimiter = DELIMITERS[path.suffix.lower()]
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of classic Mac OS
    quoted = quoting == Quoting.CSV or (quoting == Quoting.AUTO and (delimiter == "," or _reads_as_quoted(text)))
    lines = _quoted_rows(text, delimiter) if quoted else _plain_rows(text, delimiter)
    rows = _without_trailing_blank_lines(list(lines))
    columns, rows = _below_header(path, rows, request.header, request.required)
    return Content(columns, [_record(line, fields, columns) for line, fields in rows], encoding)


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
    while rows and isinstance(fields := rows[-1][1], list) and not any(map(str.strip, fields)):
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
    fits = any(isinstance(fields, Record) or len(_trimmed(fields, len(columns))) == len(columns) for _, fields in rows)
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
    width = max((number for number, name in enumerate(names, 1) if name.strip()), default=0)
    return tuple(map(column_name, names[:width]))


def _trimmed(fields: list[str], width: int) -> list[str]:
    """Returns the fields without blank ones after the last column, which spreadsheets write."""
    return fields if any(map(str.strip, fields[width:])) else fields[:width]


def _record(line: int, fields: list[str] | Record, header: Sequence[str]) -> Record:
    if isinstance(fields, Record):
        return fields
    if not fields:
        return Record(line, problem="a blank line")
    fields = _trimmed(fields, len(header))
    if len(fields) != len(header):
        return Record(line, problem=f"{len(fields)} fields where the header has {len(header)}")
    if any("\0" in value for value in fields):
        return Record(line, problem="NUL bytes")
    return Record(line, dict(zip(header, fields, strict=True)))


DELIMITED = FileFormat(tuple(DELIMITERS), read_records, "{fields} fields per row", names_columns=False)
