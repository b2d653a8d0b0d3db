"""Read one table of texts exactly: every row of the file is either returned or refused with its line number."""

from __future__ import annotations

import codecs
import csv
import hashlib
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

from search_spaces.errors import UserError, nearest, raise_all

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json-lines")
_QUOTINGS = ("auto", "csv", "none")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")  # a lone surrogate, from a JSON escape, cannot be written as UTF-8 again
_QUOTATION = "quotation mark"  # stands in every reason that a change of quoting may cure


@dataclass(frozen=True)
class Table:
    """The rows of one file; `rows[i]` starts in line `line_numbers[i]` (1-based) of the file.

    `columns` are the file's own names, `rows` are keyed by role. `sha256` is of the bytes that were read.
    """

    path: str
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    sha256: str
    encoding: str
    line_numbers: list[int]


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""


def read_table(
    path: str | Path,
    required: Mapping[str, str],
    optional: Mapping[str, str] = {},
    *,
    quoting: str = "auto",
    max_problems: int = 20,
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
            "id" is always filled: without its column the ids are the row numbers, from 1.
        quoting: "csv" (doubled quotation marks, line breaks in quotes), "none" (a quotation mark is a character like
            any other), or "auto": "csv" for .csv, "none" for .tsv and .txt, where a quote-aware reader loses rows.
        max_problems: how many broken rows the message lists; the others are counted.

    Raises:
        UserError: no such file, a folder, an unknown suffix or quoting, an unknown encoding, no rows, missing or
            doubled columns, broken rows. Several of them are one `UserErrors`.
    """
    path = Path(path)
    _check_arguments(path, quoting)
    raw = _bytes(path)
    text, encoding = _decode(path, raw)
    columns, records = _json_records(text) if _is_json(path) else _table_records(path, text, quoting)
    raise_all(_column_problems(path, columns, required, bool(records)))
    present = {role: column for role, column in {**optional, **required}.items() if _name(column) in columns}
    rows, lines, problems = _take(records, present, required)
    if "id" in optional and "id" not in present:
        rows = [{"id": str(number), **row} for number, row in enumerate(rows, start=1)]
    if problems:
        raise _refusal(path, problems, len(records), columns, required, max_problems)
    return Table(str(path), columns, rows, hashlib.sha256(raw).hexdigest(), encoding, lines)


def _is_json(path: Path) -> bool:
    return path.suffix.lower() in _JSON_SUFFIXES


def _check_arguments(path: Path, quoting: str) -> None:
    problems = []
    if path.is_dir():
        problems.append(UserError(f"{path} is a folder", "one file", "name a file in it"))
    elif path.suffix.lower() not in (*_DELIMITERS, *_JSON_SUFFIXES):
        allowed = ", ".join((*_DELIMITERS, *_JSON_SUFFIXES))
        problems.append(UserError(f"{path}: unknown suffix {path.suffix!r}", allowed, "convert or rename the file"))
    if quoting not in _QUOTINGS:
        problems.append(UserError(f"quoting {quoting!r}", ", ".join(_QUOTINGS), nearest(quoting, _QUOTINGS)))
    elif quoting != "auto" and _is_json(path):
        problems.append(UserError(f"{path}: quoting {quoting!r} for JSON lines", "auto", "leave quoting out"))
    raise_all(problems)


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        siblings = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        todo = nearest(path.name, siblings) or "check the path"
        raise UserError(f"{path}: no such file", "a file that is there", todo) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "a readable file", "check its rights") from None
    if not raw.strip():
        raise UserError(f"{path} is empty", "a file with rows", "write it again, or name another file")
    return raw


# ---- encoding


def _decode(path: Path, raw: bytes) -> tuple[str, str]:
    failures = []
    for encoding in _candidates(raw):
        try:
            text = raw.decode(encoding.removesuffix("-sig")).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            failures.append(_undecodable(raw, encoding, error))
            continue
        if encoding != "cp949" or _reads_as_korean(raw, text):
            return text, encoding
        failures.append("not CP949: read as such it is not Korean")
    allowed = "UTF-8, UTF-16 or UTF-32 with a BOM, or CP949"
    raise UserError(f"{path}: unknown encoding\n    " + "\n    ".join(failures), allowed, "save the file as UTF-8")


def _candidates(raw: bytes) -> tuple[str, ...]:
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ("utf-32",)  # asked first, since its BOM begins with that of UTF-16
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return ("utf-8-sig",) if raw.startswith(codecs.BOM_UTF8) else ("utf-8", "cp949")


def _undecodable(raw: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    line = raw[: error.start].decode(error.encoding, "ignore").count("\n") + 1
    return f"not {encoding.removesuffix('-sig').upper()}: byte offset {error.start:,}, line {line:,}: {error.reason}"


def _reads_as_korean(raw: bytes, text: str) -> bool:
    """Whether bytes that CP949 accepts are CP949, and not UTF-8 with a broken byte or a Western encoding.

    Both decode as CP949 without an error. But Korean is written almost wholly with KS X 1001 (both bytes >= 0xA1);
    broken UTF-8 still holds more valid UTF-8 characters than such pairs, and Western texts hold hardly any.
    """
    counts = Counter(character for character in text if character > "\x7f")
    common = sum(count for character, count in counts.items() if min(character.encode("cp949")) >= 0xA1)
    valid_utf8 = sum(character > "\x7f" and character != "\ufffd" for character in raw.decode("utf-8", "replace"))
    return common > valid_utf8 and 2 * common >= counts.total()


# ---- comma and tab


def _table_records(path: Path, text: str, quoting: str) -> tuple[tuple[str, ...], list[_Record]]:
    delimiter = _DELIMITERS[path.suffix.lower()]
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
        return f"a {_QUOTATION} is never closed; it swallows all up to line {end:,}"
    if "expected after" in error:
        return f"text after a closing {_QUOTATION}{seen}"
    if "new-line character" in error:
        return f"a bare carriage return outside {_QUOTATION}s{seen}"
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
    return tuple(_name(name) for name in fields)


def _record(line: int, fields: list[str] | str, header: Sequence[str]) -> _Record:
    if isinstance(fields, str):
        return _Record(line, problem=fields)
    if not fields:
        return _Record(line, problem="a blank line")
    if len(fields) != len(header):
        return _Record(line, problem=f"{len(fields)} fields where the header has {len(header)}")
    if any("\0" in value for value in fields):
        return _Record(line, problem="NUL bytes")
    return _Record(line, dict(zip(header, fields, strict=True)))


# ---- JSON lines


def _json_records(text: str) -> tuple[tuple[str, ...], list[_Record]]:
    lines = text.rstrip().split("\n")  # not splitlines(): U+2028 may stand inside a JSON string
    records = [_json_record(number, line) for number, line in enumerate(lines, start=1)]
    return tuple(dict.fromkeys(name for record in records for name in record.values)), records


def _json_record(number: int, line: str) -> _Record:
    if not line.strip():
        return _Record(number, problem="a blank line")
    try:
        # Numbers stay as they are written: 4.20 is not 4.2, and a long id is not rounded.
        values = json.loads(
            line, parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_no_doubles
        )
    except json.JSONDecodeError as error:
        return _Record(number, problem=f"not JSON: {error.msg}, character {error.colno:,}")
    except (ValueError, RecursionError) as error:
        return _Record(number, problem=f"not usable JSON: {error}")
    if not isinstance(values, dict):
        return _Record(number, problem="not a JSON object {…}")
    return _Record(number, {_name(name): value for name, value in values.items()})


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    doubled = _doubled([_name(name) for name, _ in pairs])
    if doubled:
        raise ValueError(f"the key {_quoted(doubled)} stands there twice")
    return dict(pairs)


# ---- columns and roles


def _column_problems(
    path: Path, columns: Sequence[str], required: Mapping[str, str], has_rows: bool
) -> list[UserError]:
    problems = []
    if doubled := _doubled(columns):
        given = f"{path}: the header names {_quoted(doubled)} more than once"
        problems.append(UserError(given, "each column name once", "rename or remove the doubled columns"))
    if columns or not _is_json(path):
        problems += [
            _missing(path, role, column, columns) for role, column in required.items() if _name(column) not in columns
        ]
    if not has_rows:
        problems.append(UserError(f"{path} has no rows after its header", "at least one row", "name another file"))
    return problems


def _missing(path: Path, role: str, column: str, columns: Sequence[str]) -> UserError:
    near = nearest(_name(column), columns)
    given = f"{path} has no column {column!r} for {role!r}" + (f"; {near}" if near else "")
    todo = f"name the column that holds {role!r}; the first line must hold the column names"
    if len(columns) == 1 and (wrong := re.search("[\t,;|]", columns[0])):
        todo = f"its fields are separated by {wrong[0]!r}: .csv is for commas, .tsv for tabs"
    return UserError(given, f"the columns it has: {_quoted(columns)}", todo)


def _take(
    records: Sequence[_Record], present: Mapping[str, str], required: Mapping[str, str]
) -> tuple[list[dict[str, str]], list[int], list[str]]:
    rows: list[dict[str, str]] = []
    lines: list[int] = []
    problems: list[str] = []
    for record in records:
        row, reason = ({}, record.problem) if record.problem else _row(record.values, present, required)
        if reason:
            problems.append(f"line {record.line:,}: {reason}")
        else:
            rows.append(row)
            lines.append(record.line)
    return rows, lines, problems


def _row(
    values: Mapping[str, object], present: Mapping[str, str], required: Mapping[str, str]
) -> tuple[dict[str, str], str]:
    row: dict[str, str] = {}
    reasons = []
    for role, column in present.items():
        value = values.get(_name(column))
        row[role] = _clean(value) if isinstance(value, str) else ""
        if value is not None and not isinstance(value, str):
            reasons.append(f"{column!r} is neither text nor a number")
        elif not row[role] and role in required:
            reasons.append(f"{column!r} is empty")
        elif _UNUSABLE.search(row[role]):
            reasons.append(f"{column!r} holds a NUL or half a surrogate pair")
    return row, "; ".join(reasons)


def _refusal(
    path: Path, problems: Sequence[str], total: int, columns: Sequence[str], required: Mapping[str, str], most: int
) -> UserError:
    more = [f"and {len(problems) - most:,} more"] if len(problems) > most else []
    miscut = any(_QUOTATION in problem for problem in problems)  # then nobody knows how many rows there are
    number = f"{len(problems):,}" if miscut else f"{len(problems):,} of {total:,}"
    given = f"{path}: {number} rows cannot be used, so none was taken"
    shape = "a JSON object per line" if _is_json(path) else f"{len(columns)} fields per row"
    todo = "mend or delete these rows"
    if miscut:
        todo += f'; a {_QUOTATION} inside a quoted field is doubled (""); quoting "none" takes it as it stands'
    elif any(" fields where " in problem for problem in problems) and not _is_json(path):
        todo += '; quoting "csv" lets a quoted field hold separators and line breaks'
    allowed = f"{shape}, text in {_quoted(list(required.values()))}"
    return UserError("\n    ".join([given, *problems[:most], *more]), allowed, todo)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def _name(column: str) -> str:
    return _clean(column)  # macOS writes Hangul names decomposed


def _doubled(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
