"""Splits the text of a table with commas or tabs into records with line numbers."""

from __future__ import annotations

import csv
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

from corpora.data_files import DataFile
from corpora.encodings import detect
from corpora.lines import LONGEST, Lines, newline_of, too_long
from corpora.names import column_name, in_quotes
from foundation.errors import UserError, nearest
from search_spaces.choices import Quoting

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
QUOTATION = "quotation mark"  # in every reason that another quoting may fix
#: How much of a table with quotation marks is split together: rows, or characters if they are long.
_ROWS_AT_ONCE, _AT_ONCE = 256, 1 << 20
_QUOTED_FIELD = re.compile(r'(?:^|(?<=\t))"(?:[^"]|"")*+"(?=\t|$)')


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: its first line, and its values by column, or the `problem` of a row without values.

    `swallowed` is the number of following lines that a misplaced quotation mark includes; they may have been rows.
    `is_blank` is whether the row has no text; such rows at the end of a file are no rows.
    """

    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    swallowed: int = 0
    is_blank: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A file to read.

    Args:
        file: Its path and its content.
        columns: All columns that are needed; `required` must have text.
        quoting, header: As in `corpora.reading.read_table`; only for formats without `names_columns`.
    """

    file: DataFile
    columns: Sequence[str]
    required: Sequence[str]
    quoting: Quoting
    header: Sequence[str]


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a file.

    Args:
        columns: The names of its columns; None: those of its records.
        records: Reads its records one after the other, each time from the beginning.
        encoding: Of the file.
    """

    columns: tuple[str, ...] | None
    records: Callable[[], Iterator[Record]]
    encoding: str


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of data files.

    Args:
        suffixes: In lower case, with the dot.
        read: Opens a file, or raises UserError, as `Content.records` does while it reads.
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
    file, quoting = request.file, request.quoting
    encoding = detect(file.path, file.head, file.blocks)
    delimiter = DELIMITERS[file.path.suffix.lower()]
    lines = partial(Lines, file, encoding, newline_of(file, encoding))
    quoted = quoting == Quoting.CSV or (quoting == Quoting.AUTO and (delimiter == "," or _reads_as_quoted(lines())))
    split = _quoted_rows if quoted else _plain_rows

    def rows() -> Iterator[_Row]:
        return split(lines(), delimiter)

    columns, skipped = _header_of(file.path, rows, request.header, request.required)

    def records() -> Iterator[Record]:
        return (_record(line, fields, columns) for line, fields in islice(rows(), skipped, None))

    return Content(columns, records, encoding)


def _reads_as_quoted(lines: Iterable[str]) -> bool:
    """Whether there are fields that begin with a quotation mark, and all of them are complete on their line."""
    tabs = count = 0
    for number, line in enumerate(lines):
        if number and '"' not in line:
            continue
        line = line.removesuffix("\n").removesuffix("\r")
        rest, fields = _QUOTED_FIELD.subn("", line)
        if not number:
            tabs = rest.count("\t")
        if rest.startswith('"') or '\t"' in rest:
            return False
        # Two fields such as `"a` and `b"` look like one field with a tab; the number of fields decides.
        if '"' in line and line.count("\t") == tabs and rest.count("\t") != tabs:
            return False
        count += fields
    return count > 0


def _plain_rows(lines: Lines, delimiter: str) -> Iterator[_Row]:
    for number, line in enumerate(lines, start=1):
        if number in lines.too_long:
            yield number, Record(number, problem=too_long())
            continue
        line = line.removesuffix("\n").removesuffix("\r")
        yield number, line.split(delimiter) if line else []


def _quoted_rows(lines: Lines, delimiter: str) -> Iterator[_Row]:
    """Yields the fields of each row, or a record with its problem; the next row then starts on the next line."""
    reader = csv.reader(_to_the_last(lines), delimiter=delimiter, strict=True)
    rows: list[_Row] = []
    while True:
        with _field_size_limit(LONGEST):  # not while rows are used, which may take long
            end = lines.characters + _AT_ONCE
            while len(rows) < _ROWS_AT_ONCE and lines.characters < end and (row := _next_row(reader, lines)):
                rows.append(row)
        if not rows:
            return
        yield from rows
        rows.clear()


def _next_row(reader: Any, lines: Lines) -> _Row | None:
    line = reader.line_num + 1
    try:
        fields: list[str] | Record = next(reader)
    except StopIteration:
        return None
    except csv.Error as error:
        problem = _explained(str(error), line, reader.line_num)
        fields = Record(line, problem=problem, swallowed=reader.line_num - line)
    if any(line <= number <= reader.line_num for number in lines.too_long):  # the last field may not be complete
        fields = Record(line, problem=too_long(), swallowed=reader.line_num - line)
    return line, fields


def _to_the_last(lines: Iterable[str]) -> Iterator[str]:
    """Yields the lines without the blank ones at the end, which do not count as swallowed rows."""
    last, blank = "", list[tuple[str, int]]()  # blank lines as runs: there may be very many
    for line in lines:
        if line.strip("\r\n"):
            if last:
                yield last
            yield from chain.from_iterable(repeat(one, count) for one, count in blank)
            last, blank = line, []
        elif blank and blank[-1][0] == line:
            blank[-1] = line, blank[-1][1] + 1
        else:
            blank.append((line, 1))
    if last:
        yield last.rstrip("\r\n")


_limit_lock = threading.Lock()


@contextmanager
def _field_size_limit(characters: int) -> Iterator[None]:
    # csv has one limit per process, which must be restored for other readers.
    with _limit_lock:
        previous = csv.field_size_limit()
        csv.field_size_limit(max(previous, characters))
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
    if "larger than field limit" in error:
        return f"a {QUOTATION} swallows more than {LONGEST:,} characters, up to line {end:,}"
    if "new-line character" in error:
        return f"a bare carriage return outside {QUOTATION}s{place}"
    return error + place


def _header_of(
    path: Path, rows: Callable[[], Iterator[_Row]], names: Sequence[str], required: Sequence[str]
) -> tuple[tuple[str, ...], int]:
    """Returns the column names, and the number of rows above the data: 0 if `names` replaces a header."""
    if all(map(_is_blank, rows())):
        return (), 0
    line, first = next(rows())
    if not names or (isinstance(first, list) and _is_header(first, names, required)):
        return _header(path, line, first), 1
    columns = tuple(map(column_name, names))
    width = len(columns)
    fits = any(isinstance(fields, Record) or len(_trimmed(fields, width)) == width for _, fields in rows())
    if not fits or not {column_name(name) for name in required} <= set(columns):
        raise _no_header(path, first, columns, required)
    return columns, 0


def _is_blank(row: _Row) -> bool:
    return isinstance(row[1], list) and not any(map(str.strip, row[1]))


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
        return Record(line, problem="a blank line", is_blank=True)
    is_blank = not any(map(str.strip, fields))
    fields = _trimmed(fields, len(header))
    if len(fields) != len(header):
        problem = f"{len(fields)} fields where the header has {len(header)}"
        return Record(line, problem=problem, is_blank=is_blank)
    if any("\0" in value for value in fields):
        return Record(line, problem="NUL bytes")
    return Record(line, dict(zip(header, fields, strict=True)), is_blank=is_blank)


DELIMITED = FileFormat(tuple(DELIMITERS), read_records, "{fields} fields per row", names_columns=False)
