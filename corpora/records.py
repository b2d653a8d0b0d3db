"""Cuts the text of a table into records, each with its line number: comma or tab separated, or JSON lines."""

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
QUOTATION = "quotation mark"  # stands in every reason that a change of quoting may cure
_QUOTED_FIELD = re.compile(r'(?:^|(?<=\t))"(?:[^"]|"")*+"(?=\t|$)')


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: the line it starts in, and its values by column, or the `problem` that left it without any.

    `swallowed` are the lines after its first that a misplaced quotation mark took with it; they may have been rows.
    """

    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    swallowed: int = 0


_Row = tuple[int, list[str] | Record]  # the line it starts in; its fields, or what is wrong where it has none


def is_json(path: Path) -> bool:
    """Whether the suffix says one JSON object per line."""
    return path.suffix.lower() in JSON_SUFFIXES


def read_records(
    path: Path, text: str, quoting: Quoting, header: Sequence[str] = (), wanted: Sequence[str] = ()
) -> tuple[tuple[str, ...], list[Record]]:
    """The columns and records of `text`, which stands in the file `path`; `quoting` and `header` as in `read_table`.

    Args:
        wanted: the columns that a first line must hold to be a header, where `header` is given.

    Raises:
        UserError: a first line that names no columns, or rows that do not fit the given header.
    """
    return _json_records(text) if is_json(path) else _table_records(path, text, quoting, header, wanted)


# ---- comma and tab


def _table_records(
    path: Path, text: str, quoting: Quoting, header: Sequence[str], wanted: Sequence[str]
) -> tuple[tuple[str, ...], list[Record]]:
    delimiter = DELIMITERS[path.suffix.lower()]
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of old Macs
    quoted = quoting == Quoting.CSV or (quoting == Quoting.AUTO and (delimiter == "," or _reads_as_quoted(text)))
    lines = _quoted_rows(text, delimiter) if quoted else _plain_rows(text, delimiter)
    columns, rows = _below_header(path, _without_trailing_blanks(list(lines)), header, wanted)
    return columns, [_record(line, fields, columns) for line, fields in rows]


def _reads_as_quoted(text: str) -> bool:
    """Whether some field begins with a quotation mark, and each that does is a whole quoted field on its own line."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    tabs = _QUOTED_FIELD.sub("", lines[0]).count("\t")
    found = 0
    for line in lines:
        if '"' not in line:
            continue
        rest, number = _QUOTED_FIELD.subn("", line)
        if rest.startswith('"') or '\t"' in rest:
            return False
        # Two fields such as `"a` and `b"` look like one with a tab in it: the number of fields tells.
        if line.count("\t") == tabs and rest.count("\t") != tabs:
            return False
        found += number
    return found > 0


def _plain_rows(text: str, delimiter: str) -> Iterator[_Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        yield number, line.split(delimiter) if line else []


def _quoted_rows(text: str, delimiter: str) -> Iterator[_Row]:
    """The fields of each row, or the reason why it has none; the next row then starts on the next line."""
    with _fields_as_long_as(len(text)):
        lines = io.StringIO(text.rstrip("\r\n"), newline="\n")  # blank lines at the end are not swallowed rows
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
def _fields_as_long_as(characters: int) -> Iterator[None]:
    # csv knows one limit for the whole process: another reader's must be as it was when this one is done.
    with _limit_lock:
        before = csv.field_size_limit()
        csv.field_size_limit(max(before, characters + 1))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _explained(error: str, start: int, end: int) -> str:
    seen = f" (seen in line {end:,})" if end > start else ""
    if "unexpected end of data" in error:
        return f"a {QUOTATION} is never closed; it swallows all up to line {end:,}"
    if "expected after" in error:
        return f"text after a closing {QUOTATION}{seen}"
    if "new-line character" in error:
        return f"a bare carriage return outside {QUOTATION}s{seen}"
    return error + seen


def _without_trailing_blanks(rows: list[_Row]) -> list[_Row]:
    while rows and not rows[-1][1]:
        rows.pop()
    return rows


def _below_header(
    path: Path, rows: list[_Row], given: Sequence[str], wanted: Sequence[str]
) -> tuple[tuple[str, ...], list[_Row]]:
    """The column names, and the rows that are data: all of them, where names are given and the first line has none."""
    if not rows:
        return (), []
    line, first = rows[0]
    if not given or (isinstance(first, list) and _names_columns(first, given, wanted)):
        return _header(path, line, first), rows[1:]
    names = tuple(map(column_name, given))
    fits = any(isinstance(fields, Record) or len(fields) == len(names) for _, fields in rows)
    if not fits or not {column_name(name) for name in wanted} <= set(names):
        raise _no_header(path, first, names, wanted)
    return names, rows


def _names_columns(first: Sequence[str], given: Sequence[str], wanted: Sequence[str]) -> bool:
    # One known name is enough: a header that lacks a column, or writes it in capitals, must not become a row.
    return not {column_name(name).casefold() for name in (*given, *wanted)}.isdisjoint(
        column_name(name).casefold() for name in first
    )


def _no_header(path: Path, first: list[str] | Record, names: Sequence[str], wanted: Sequence[str]) -> UserError:
    fields = first if isinstance(first, list) else []
    shown = in_quotes([name if len(name) <= 30 else name[:29] + "…" for name in fields])
    near = [f"{name!r}: {clause}" for name in wanted if (clause := nearest(name, fields))]
    given = f"{path} has no header with {in_quotes(wanted)}; its first line is {shown}"
    allowed = f"a first line with these names, or no header and rows of {len(names)} fields: {in_quotes(names)}"
    todo = "; ".join([*near, "put a line of column names above the rows, or name the columns that are there"])
    return UserError(given, allowed, todo)


def _header(path: Path, line: int, fields: list[str] | Record) -> tuple[str, ...]:
    names = fields if isinstance(fields, list) else []
    broken = fields.problem if isinstance(fields, Record) else "NUL bytes" if "\0" in "".join(names) else ""
    if broken:
        allowed = "column names in the first line of a text file (UTF-16 only with a BOM)"
        raise UserError(f"{path}: line {line}: {broken}", allowed, "mend the first line")
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
    lines = text.rstrip().split("\n")  # not splitlines(): U+2028 may stand inside a JSON string
    records = [_json_record(number, line) for number, line in enumerate(lines, start=1)]
    return tuple(dict.fromkeys(name for record in records for name in record.values)), records


def _json_record(number: int, line: str) -> Record:
    if not line.strip():
        return Record(number, problem="a blank line")
    try:
        # Numbers stay as they are written: 4.20 is not 4.2, and a long id is not rounded.
        values = json.loads(
            line, parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_no_doubles
        )
    except json.JSONDecodeError as error:
        return Record(number, problem=f"not JSON: {error.msg}, character {error.colno:,}")
    except (ValueError, RecursionError) as error:
        return Record(number, problem=f"not usable JSON: {error}")
    if not isinstance(values, dict):
        return Record(number, problem="not a JSON object {…}")
    return Record(number, {column_name(name): value for name, value in values.items()})


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    doubled = doubles([column_name(name) for name, _ in pairs])
    if doubled:
        raise ValueError(f"the key {in_quotes(doubled)} stands there twice")
    return dict(pairs)


# ---- names


def clean(text: str) -> str:
    """The text with its Hangul composed, without whitespace around it."""
    return unicodedata.normalize("NFC", text).strip()


def column_name(column: str) -> str:
    """A column's name as it is compared."""
    return clean(column)  # macOS writes Hangul names decomposed


def doubles(names: Sequence[str]) -> list[str]:
    """The names that stand there more than once."""
    return [name for name, count in Counter(names).items() if count > 1]


def in_quotes(names: Sequence[str]) -> str:
    """The names for a message."""
    return ", ".join(map(repr, names)) or "none"
