"""Readers of single settings; each converts a value and describes what is allowed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from foundation.errors import UserError
from search_spaces.choices import options_text
from search_spaces.values import as_number, as_whole, as_word, parse_duration


@dataclass(frozen=True)
class Reader:
    """Reads one value: `read` returns it typed or raises ValueError; `allowed` describes accepted values."""

    allowed: str
    example: str
    read: Callable[[object], Any]
    names: tuple[str, ...] = ()


def _check(ok: bool, value: Any) -> Any:
    if not ok:
        raise ValueError(value)
    return value


def text() -> Reader:
    """A text that is not empty."""
    allowed = "text (in quotes if it looks like a number)"
    return Reader(allowed, '"…"', lambda value: _check(isinstance(value, str) and bool(value.strip()), value))


def prefix() -> Reader:
    """A text with the blank at its end; YAML reads an unquoted `summarize: ` as a key without value."""

    def read(value: object) -> str:
        if isinstance(value, Mapping) and len(value) == 1 and [*value.values()] == [None]:
            value = f"{next(iter(value))}: "
        return str(_check(isinstance(value, str) and bool(value.strip()), value))

    return Reader('text in quotes, with the blank at its end: "summarize: "', '"summarize: "', read)


def path() -> Reader:
    """A path, read as text."""
    return Reader("a path", "train.csv", lambda v: _check(isinstance(v, str | os.PathLike) and str(v) != "", str(v)))


def flag() -> Reader:
    """True or false."""
    return Reader("true or false", "true", lambda v: _check(isinstance(v, bool), v))


def one_of(*names: str) -> Reader:
    """One of these names."""

    def read(value: object) -> object:
        word = as_word(value, names)
        return _check(word in names, word)

    return Reader(", ".join(names), names[0], read, names)


def choice(options: type[StrEnum]) -> Reader:
    """One member of an enum, written as its value."""

    values = tuple(option.value for option in options)

    def read(value: object) -> StrEnum:
        word = as_word(value, values)
        if not isinstance(word, str):
            raise ValueError(value)
        return options(word)

    return Reader(options_text(options), values[0], read, values)


def whole(at_least: int, at_most: int = 2**63 - 1) -> Reader:
    """A whole number from `at_least` to `at_most`."""

    def read(value: object) -> int:
        number = as_whole(value)
        if number is None or not at_least <= number <= at_most:
            raise ValueError(value)
        return number

    limit = "" if at_most == 2**63 - 1 else f" and at most {at_most}"
    return Reader(f"a whole number, at least {at_least}{limit}", str(at_least), read)


def whole_or_range(at_least: int) -> Reader:
    """A whole number, or `MIN:MAX`, which stays text."""

    def read(value: object) -> int | str:
        if (number := as_whole(value)) is not None:
            if number < at_least:
                raise ValueError(value)
            return number
        if not isinstance(value, str) or not (match := re.fullmatch(r"(\d+):(\d+)", value.strip())):
            raise ValueError(value)
        low, high = map(int, match.groups())
        if not at_least <= low <= high:
            raise ValueError(value)
        return f"{low}:{high}"

    return Reader(f"a whole number, at least {at_least}, or MIN:MAX", f"{at_least}:8", read)


def database() -> Reader:
    """The URL of a PostgreSQL database. The user name becomes a query argument, since text before an @ is redacted."""

    def read(value: object) -> str:
        match = re.fullmatch(r"postgresql://(?:([^@/:\s]+)@)?([^@\s?]+)(\?[^@\s]*)?", str(value))
        if match is None or "password" in (match.group(3) or ""):
            raise ValueError(value)
        user, place, query = match.groups(default="")
        return f"postgresql://{place}{query}{'&' if query else '?'}user={user}" if user else str(value)

    allowed = "postgresql://HOST:5432/DATABASE?user=USER; a password in PGPASSWORD or ~/.pgpass"
    return Reader(allowed, "postgresql://127.0.0.1/optuna?user=optuna", read)


def real(above: float | None = None, at_least: float | None = None) -> Reader:
    """A finite number above a limit, or at least a limit."""

    def read(value: object) -> float:
        number = as_number(value)
        if number is None or (above is not None and number <= above) or (at_least is not None and number < at_least):
            raise ValueError(value)
        return number

    allowed = f"a number above {above:g}" if above is not None else f"a number, at least {at_least:g}"
    return Reader(allowed, f"{(above or 0) + 1:g}", read)


def share() -> Reader:
    """A number between 0 and 1, both exclusive."""

    def read(value: object) -> float:
        number = as_number(value)
        if number is None or not 0 < number < 1:
            raise ValueError(value)
        return number

    return Reader("a number between 0 and 1", "0.1", read)


def duration() -> Reader:
    """A duration, read as seconds."""

    def read(value: object) -> float:
        try:
            return parse_duration(value if isinstance(value, str | float | int) else "")
        except UserError:
            raise ValueError(value) from None

    return Reader("seconds above 0, or text such as 90s, 30m, 4h, 1h30m", "4h", read)


def texts() -> Reader:
    """A list of texts, read as a tuple; a single text counts as a list of one."""

    def read(value: object) -> tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(item, str) and item for item in items):
            raise ValueError(value)
        return tuple(items)

    return Reader("a list of texts", "['#Person1#', '#Person2#']", read)


def text_or_texts() -> Reader:
    """A text, or a list of different texts, which becomes a tuple."""
    one, several = text(), texts()

    def read(value: object) -> str | tuple[str, ...]:
        if isinstance(value, str):
            return str(one.read(value))
        names: tuple[str, ...] = several.read(value)
        _check(bool(names) and len({*names}) == len(names), value)
        return names[0] if len(names) == 1 else names

    return Reader(f"{one.allowed}, or a list of different ones", "[summary1, summary2]", read)


def renamed() -> Reader:
    """A mapping of texts to texts; whole numbers become texts, since YAML reads a bare 0 as a number."""

    def read(value: object) -> dict[str, str]:
        if not isinstance(value, Mapping) or not value:
            raise ValueError(value)
        items = [item for pair in value.items() for item in pair]
        if any(isinstance(item, bool) or not isinstance(item, str | int) or not str(item).strip() for item in items):
            raise ValueError(value)
        return {str(old): str(new) for old, new in value.items()}

    return Reader("a mapping OLD: NEW of texts", "{0: 부정, 1: 긍정}", read)


def optional(reader: Reader) -> Reader:
    """A value of `reader`, or null."""
    return replace(
        reader, allowed=f"{reader.allowed}, or null", read=lambda value: None if value is None else reader.read(value)
    )
