"""Reads the records of JSON: one object per line, or in a .json file an array of objects."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from corpora.encodings import detect
from corpora.lines import Lines, open_text, too_long
from corpora.names import column_name, duplicates, in_quotes
from corpora.records import Content, FileFormat, Record, Request
from foundation.errors import UserError

_DOCUMENT = ".json"
_BLANK = re.compile(r"[ \t\r\n]*")
_ALLOWED = "an array of objects [{…}, {…}], or one object {…} per line"


def json_records(request: Request) -> Content:
    """Returns a record for each object; a .json file is read as a whole.

    Raises:
        UserError: a .json file is not one of the two forms.
    """
    file = request.file
    encoding = detect(file.path, file.head, file.blocks)
    if file.path.suffix.lower() == _DOCUMENT:
        with open_text(file, encoding) as stream:
            text = stream.read().lstrip("\ufeff")
        if _is_document(text):
            return Content(None, lambda: _array(file.path, text), encoding)
    return Content(None, lambda: _lines(Lines(file, encoding, "\n")), encoding)


# ---- one object per line


def _lines(lines: Lines) -> Iterator[Record]:
    # not splitlines(): U+2028 may be inside a JSON string
    for number, line in enumerate(lines, start=1):
        yield Record(number, problem=too_long()) if number in lines.too_long else _line(number, line)


def _line(number: int, line: str) -> Record:
    if not line.strip():
        return Record(number, problem="a blank line", is_blank=True)
    try:
        return _record(number, _DECODER.decode(line))
    except json.JSONDecodeError as error:
        return Record(number, problem=f"not JSON: {error.msg}, character {error.colno:,}")
    except (ValueError, RecursionError) as error:
        return Record(number, problem=f"not usable JSON: {error}")


def _record(line: int, values: object) -> Record:
    if not isinstance(values, dict):
        array = f" (an array of objects needs the suffix {_DOCUMENT})" if isinstance(values, list) else ""
        return Record(line, problem=f"not a JSON object {{…}}{array}")
    return Record(line, {column_name(name): value for name, value in values.items()})


# ---- an array of objects


def _is_document(text: str) -> bool:
    """Whether a .json file is one JSON value, and not an object per line."""
    first, _, rest = text.lstrip().partition("\n")
    if not first.startswith("{"):
        return True
    try:
        only = json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not rest.strip() and any(isinstance(value, list | dict) for value in only.values())


def _array(path: Path, text: str) -> Iterator[Record]:
    """Yields a record for each element; its line is the one on which the element begins."""
    position = _skip(text, 0)
    if text[position] != "[":
        raise _not_an_array(path, text)
    position, line, counted = _skip(text, position + 1), 1, 0
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, end = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _broken(path, f"line {error.lineno:,}: not JSON: {error.msg}, character {error.colno:,}") from None
        except (ValueError, RecursionError) as error:
            raise _broken(path, f"line {line:,}: not usable JSON: {error}") from None
        yield _record(line, value)
        position = _skip(text, end)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            raise _broken(path, f"line {text.count(chr(10), 0, position) + 1:,}: no comma after an element")
    if text[position + 1 :].strip():
        raise _broken(path, f"line {text.count(chr(10), 0, position) + 1:,}: text after the end of the array")


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    assert match is not None  # the pattern matches the empty text
    return match.end()


def _broken(path: Path, problem: str) -> UserError:
    return UserError(f"{path}, {problem}", _ALLOWED, "fix that line, or write the file again")


def _not_an_array(path: Path, text: str) -> UserError:
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return _broken(path, f"line {error.lineno:,}: not JSON: {error.msg}, character {error.colno:,}")
    except (ValueError, RecursionError) as error:
        return _broken(path, f"not usable JSON: {error}")
    if not isinstance(value, dict):
        return UserError(f"{path} is not an array of objects", _ALLOWED, "write the file again")
    problem = f"{path} is one JSON object with {in_quotes(list(value)[:5])}"
    key = next((key for key, item in value.items() if isinstance(item, list) and item), None)
    if key is None:
        return UserError(problem, _ALLOWED, "write its rows as an array")
    code = f"import json, sys; json.dump(json.load(open(sys.argv[1]))[{key!r}], open(sys.argv[2], 'w'))"
    copy = path.with_name(f"{path.stem}.rows{_DOCUMENT}")
    command = shlex.join(["python", "-c", code, str(path), str(copy)])
    return UserError(f"{problem}; {key!r} is a list", _ALLOWED, f"write that list to a file of its own: {command}")


# ---- values


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    repeated = duplicates([column_name(name) for name, _ in pairs])
    if repeated:
        raise ValueError(f"duplicate key {in_quotes(repeated)}")
    return dict(pairs)


#: Numbers keep their digits: 4.20 is not 4.2, and a long id is not rounded.
_DECODER = json.JSONDecoder(
    parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_no_duplicates
)

JSON = FileFormat((".jsonl", ".ndjson", ".json-lines", _DOCUMENT), json_records, "JSON objects")
