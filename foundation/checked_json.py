"""Reads JSON files of kotune as typed objects; a damaged file is reported with the place of the damage in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from foundation.errors import UserError
from foundation.safe_paths import read_regular

T = TypeVar("T")

#: A JSON object whose fields are not typed: as it is read before it is converted, or as it is printed.
JsonObject = dict[str, Any]

_MAX_BYTES = 1 << 28  # a study with 10,000 trials has a few million

#: The second part of messages without a more precise one.
_ALLOWED = "a JSON file as it was saved"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


#: A finite number in a msgspec type; JSON as Python writes it also has NaN and Infinity.
Finite = Annotated[float, msgspec.Meta(ge=-1e308, le=1e308)]
#: A whole number that is not negative, in a msgspec type.
Count = Annotated[int, msgspec.Meta(ge=0)]

_TYPE_WORDS = {
    "object": "an object {…}",
    "array": "a list",
    "str": "a text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
}
_TYPE_NAMES = {dict: "object", list: "array", str: "str", bool: "bool", int: "int", float: "float", type(None): "null"}


def read_json(path: Path, kind: type[T], todo: str) -> T:
    """Reads a JSON file as an object of `kind`, a `msgspec.Struct` or any other type that msgspec can decode.

    Args:
        todo: what the user can do if the file is damaged.

    Raises:
        UserError: the file cannot be read, is not JSON, or does not have the fields of `kind`.
    """
    try:
        content = read_regular(path, _MAX_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", _ALLOWED, todo) from None
    return decode_json(content, kind, str(path), todo)


def decode_json(content: bytes | str, kind: type[T], where: str, todo: str) -> T:
    """Decodes JSON as `read_json` does; `where` names its origin in messages.

    Raises:
        UserError: the content is not JSON, or does not have the fields of `kind`.
    """
    try:
        # Python's decoder, since it reads NaN and Infinity, which `write_json` writes, and names the line.
        value = json.loads(content if isinstance(content, str) else content.decode())
    except json.JSONDecodeError as error:
        problem = f"{where}, line {error.lineno}, character {error.colno}: {error.msg}"
        raise UserError(problem, _ALLOWED, todo) from None
    except (ValueError, RecursionError) as error:  # not UTF-8, an integer of 5,000 digits, nested too deeply
        raise UserError(f"{where}: {error}", _ALLOWED, todo) from None
    return convert_json(value, kind, where, todo)


def convert_json(value: Any, kind: type[T], where: str, todo: str) -> T:
    """Converts decoded JSON (dicts, lists and scalars) as `decode_json` does.

    Raises:
        UserError: the value does not have the fields of `kind`.
    """
    try:
        return msgspec.convert(value, type=kind)
    except (msgspec.ValidationError, RecursionError) as error:
        problem, allowed = _explain(str(error), value)
        separator = " " if problem.startswith("is ") else ": "  # the whole value, or a field of it
        raise UserError(f"{where}{separator}{problem}", allowed, todo) from None


def _explain(text: str, value: Any) -> tuple[str, str]:
    """Splits a message of msgspec such as "Expected `int`, got `str` - at `$.number`" into problem and allowed."""
    message, _, place = text.partition(" - at ")
    path = re.fullmatch(r"`\$\.?(.*)`", place)
    name = path[1] if path else place
    if (expected := re.fullmatch(r"Expected (.*?)(?:, got `(\w+)`)?", message)) is not None:
        name, culprit = _at(value, name, expected[2]) if path or not place else (name, ...)
        is_finite_limit = "1e+308" in expected[1]
        allowed = "a finite number" if is_finite_limit else re.sub(r"`(\w+)`", _type_words, expected[1])
        return f"{name} {f'is a {expected[2]}' if culprit is ... else f'is {_short(culprit)}'}".strip(), allowed
    for pattern, problem in (
        (r"Invalid enum value (.*)", r"is \1"),
        (r"Object missing required field `(.*)`", r"\1 is missing"),
        (r"Object contains unknown field `(.*)`", r"unknown field '\1'"),
    ):
        if re.fullmatch(pattern, message, re.DOTALL):
            text = re.sub(pattern, problem, message, flags=re.DOTALL)
            return f"{name}{'' if not name else ' ' if text.startswith('is ') else ': '}{text}", _ALLOWED
    return f"{name}: {message}".removeprefix(": "), _ALLOWED


def _type_words(match: re.Match[str]) -> str:
    return _TYPE_WORDS.get(match[1], match[1])


def _at(value: Any, path: str, kind: str | None) -> tuple[str, Any]:
    """The name and the value at a path of msgspec, where `[...]` stands for the first entry of type `kind`."""
    name = ""
    for field, index in re.findall(r"([^.\[\]]+)(?!\])|\[(\d+|\.\.\.)\]", path):
        key: Any = field or (index if index == "..." else int(index))
        if key == "...":
            entries = value.items() if isinstance(value, dict) else enumerate(value)
            key = next((key for key, entry in entries if _TYPE_NAMES.get(type(entry)) == kind), key)
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return path, ...
        name += f"[{key}]" if isinstance(key, int) else f".{key}" if name else str(key)
    return name, value


def plain(value: object) -> Any:
    """The value as dicts, lists and scalars, ready for `foundation.durable.write_json`."""
    return msgspec.to_builtins(value)
