"""Cuts the text of a table into records, each with its line number: comma or tab separated, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from search_spaces.errors import UserError

DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json-lines")
QUOTATION = "quotation mark"  # stands in every reason that a change of quoting may cure


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a file: the line it starts in, and its values by column, or the `problem` that left it without any."""

    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""


def is_json(path: Path) -> bool:
    """Whether the suffix says one JSON object per line."""
    return path.suffix.lower() in JSON_SUFFIXES


def read_records(path: Path, text: str, quoting: str) -> tuple[tuple[str, ...], list[Record]]:
    """The columns and the records of `text`, which stands in the file `path`; `quoting` as in `read_table`.

    Raises:
        UserError: a first line that names no columns.
    """
    return _json_records(text) if is_json(path) else _table_records(path, text, quoting)


# ---- comma and tab


def _table_records(path: Path, text: str, quoting: str) -> tuple[tuple[str, ...], list[Record]]:
    delimiter = DELIMITERS[path.suffix.lower()]
    quoted = quoting == "csv" or (quoting == "auto" and delimiter == ",")
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of old Macs
    lines = _quoted_rows(text, delimiter) if quoted else _plain_rows(text, delimiter)
    found = _without_trailing_blanks(list(lines))
    header = _header(path, *found[0]) if found else ()
    return header, [_record(line, fields, header) for line, fields in found[1:]]


def _plain_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.removesuffix("\r")
        yield number, line.split(delimiter) if line else []


def _quoted_rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """The fields of each row, or the reason why it has none; the next row then starts on the next line."""
    with _fields_as_long_as(len(text)):
        reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                fields: list[str] | str = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fields = _explained(str(error), line, reader.line_num)
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


def _without_trailing_blanks(rows: list[tuple[int, list[str] | str]]) -> list[tuple[int, list[str] | str]]:
    while rows and not rows[-1][1]:
        rows.pop()
    return rows


def _header(path: Path, line: int, fields: list[str] | str) -> tuple[str, ...]:
    broken = fields if isinstance(fields, str) else "NUL bytes" if "\0" in "".join(fields) else ""
    if broken:
        allowed = "column names in the first line of a text file (UTF-16 only with a BOM)"
        raise UserError(f"{path}: line {line}: {broken}", allowed, "mend the first line")
    return tuple(column_name(name) for name in fields)


def _record(line: int, fields: list[str] | str, header: Sequence[str]) -> Record:
    if isinstance(fields, str):
        return Record(line, problem=fields)
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
