"""Filters of training rows. Each filter reports how many rows it removed, with examples."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from corpora.same_text import text_key
from foundation.errors import UserError, raise_all

Row = dict[str, str]

_TEXTS = ("source", "pair", "target")
_WHITESPACE = re.compile(r"\s+")
_AT_LEAST = {"max_token_repeats": 1, "max_ngram_repeats": 1, "ngram": 1, "sample": 1}  # others: 0
_NUMBERS = ("min_length", "max_length", "min_target_length", "max_target_length", *_AT_LEAST)
_EXAMPLES = 3
_EXAMPLE_LENGTH = 60  # characters


@dataclass(frozen=True)
class Filters:
    """The filters, in the order of their application; None, False and () switch a filter off.

    Raises:
        UserError: a number is out of range, a minimum is above its maximum, or a pattern is not a regular expression;
            several problems are one `UserErrors`.
    """

    strip_whitespace: bool = False  # collapses whitespace, keeps line breaks; removes no row
    min_length: int | None = None  # characters of the source
    max_length: int | None = None  # characters of the source
    min_target_length: int | None = None  # characters of the target
    max_target_length: int | None = None  # characters of the target
    max_token_repeats: int | None = None  # occurrences of one token of the target (split at whitespace)
    max_ngram_repeats: int | None = None  # occurrences of one sequence of `ngram` tokens of the target
    ngram: int = 3  # tokens
    drop_patterns: tuple[str, ...] = ()  # regular expressions, searched in source, pair and target
    drop_duplicates: bool = False  # the same texts (`corpora.same_text`); keeps the first
    sample: int | None = None  # rows, drawn with the seed from the remaining ones

    def __post_init__(self) -> None:
        raise_all([*_numbers_out_of_range(self), *_minima_above_maxima(self), *_broken_patterns(self.drop_patterns)])


@dataclass(frozen=True)
class FilterReport:
    """What one filter removed: the number of rows, and the beginnings of the first of them."""

    filter: str
    rows: int
    examples: tuple[str, ...]

    def line(self) -> str:
        """Returns the report in one line."""
        shown = ", ".join(f"'{example}'" for example in self.examples)
        number = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"filter {self.filter}: {number} removed" + (f", e.g. {shown}" if shown else "")


def apply(rows: Sequence[Row], filters: Filters, seed: int) -> tuple[list[Row], list[FilterReport]]:
    """Returns the remaining rows in file order, and the report of each active filter.

    A row is counted once, by the first filter that removes it. `rows` itself is not changed.

    Args:
        rows: Rows with the roles `source`, `target` and maybe `pair`; other roles stay as they are.
        seed: Seed of the sample.

    Raises:
        UserError: no row remains.
    """
    remaining = [strip_row(row) for row in rows] if filters.strip_whitespace else list(rows)
    reports = []
    for name, judge in _active(filters, seed):
        verdicts = judge(remaining)
        removed = [text for text in verdicts if text is not None]
        remaining = [row for row, text in zip(remaining, verdicts, strict=True) if text is None]
        reports.append(FilterReport(name, len(removed), tuple(map(_shortened, removed[:_EXAMPLES]))))
    if not remaining:
        lines = [report.line() for report in reports if report.rows]
        problem = "\n    ".join([f"the filters remove all of {len(rows):,} training rows", *lines])
        raise UserError(problem, "at least one row", "relax the filter that removes the most")
    return remaining, reports


# ---- the filters

#: For each row, the text to show if the row is removed, or None if it stays.
_Judge = Callable[[Sequence[Row]], list[str | None]]


def _active(filters: Filters, seed: int) -> Iterator[tuple[str, _Judge]]:
    """Yields name and function of each filter that is switched on."""
    ranges = {
        "min_length": ("source", filters.min_length, None),
        "max_length": ("source", None, filters.max_length),
        "min_target_length": ("target", filters.min_target_length, None),
        "max_target_length": ("target", None, filters.max_target_length),
    }
    for name, (role, low, high) in ranges.items():
        if low is not None or high is not None:
            yield f"{name} {high if low is None else low}", _outside(role, low, high)
    if filters.max_token_repeats is not None:
        yield f"max_token_repeats {filters.max_token_repeats}", _repeating(1, filters.max_token_repeats)
    if filters.max_ngram_repeats is not None:
        name = f"max_ngram_repeats {filters.max_ngram_repeats} (ngram {filters.ngram})"
        yield name, _repeating(filters.ngram, filters.max_ngram_repeats)
    for pattern in filters.drop_patterns:
        yield f"drop_patterns {pattern!r}", _matching(re.compile(pattern))
    if filters.drop_duplicates:
        yield "drop_duplicates", _duplicates
    if filters.sample is not None:
        yield f"sample {filters.sample}", _not_drawn(filters.sample, seed)


def _outside(role: str, low: int | None, high: int | None) -> _Judge:
    def judge(text: str) -> str | None:
        inside = (low is None or low <= len(text)) and (high is None or len(text) <= high)
        return None if inside else text

    return lambda rows: [judge(row[role]) for row in rows]


def _repeating(tokens: int, most: int) -> _Judge:
    return lambda rows: [row["target"] if most_repeats(row["target"], tokens) > most else None for row in rows]


def _matching(pattern: re.Pattern[str]) -> _Judge:
    return lambda rows: [next((text for text in _texts(row) if pattern.search(text)), None) for row in rows]


def _duplicates(rows: Sequence[Row]) -> list[str | None]:
    seen: set[tuple[str, ...]] = set()
    verdicts: list[str | None] = []
    for row in rows:
        key = tuple(map(text_key, _texts(row)))
        verdicts.append(row["source"] if key in seen else None)
        seen.add(key)
    return verdicts


def _not_drawn(number: int, seed: int) -> _Judge:
    def judge(rows: Sequence[Row]) -> list[str | None]:
        drawn = set(random.Random(seed).sample(range(len(rows)), min(number, len(rows))))
        return [None if index in drawn else row["source"] for index, row in enumerate(rows)]

    return judge


def most_repeats(text: str, tokens: int) -> int:
    """Returns the count of the most frequent sequence of `tokens` tokens (split at whitespace); 0 in a shorter text."""
    words = text.split()
    return max(Counter(zip(*(words[start:] for start in range(tokens)), strict=False)).values(), default=0)


# ---- texts


def _texts(row: Row) -> list[str]:
    return [row[role] for role in _TEXTS if role in row]


def strip_row(row: Mapping[str, str]) -> Row:
    """Collapses each run of whitespace in the texts to one space, or to one line break if it has one."""
    return {
        role: _WHITESPACE.sub(_one_character, text).strip() if role in _TEXTS else text for role, text in row.items()
    }


def _one_character(run: re.Match[str]) -> str:
    return "\n" if "\n" in run[0] else " "  # each turn of a dialogue has its own line


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _EXAMPLE_LENGTH else text[: _EXAMPLE_LENGTH - 1] + "…"


# ---- checks


def _numbers_out_of_range(filters: Filters) -> list[UserError]:
    problems = []
    for name in _NUMBERS:
        number, least = getattr(filters, name), _AT_LEAST.get(name, 0)
        if number is not None and number < least:
            allowed = f"a whole number, at least {least}"
            problems.append(UserError(f"filter {name} {number}", allowed, "change or remove it"))
    return problems


def _minima_above_maxima(filters: Filters) -> list[UserError]:
    ranges = {
        "length": (filters.min_length, filters.max_length),
        "target_length": (filters.min_target_length, filters.max_target_length),
    }
    problems = []
    for name, (low, high) in ranges.items():
        if low is not None and high is not None and low > high:
            problem = f"filter min_{name} {low} is above max_{name} {high}"
            problems.append(UserError(problem, "a minimum that is not above the maximum", "change one of them"))
    return problems


def _broken_patterns(patterns: Sequence[str]) -> list[UserError]:
    allowed = "regular expressions of Python"
    if isinstance(patterns, str):  # otherwise each of its characters would be a pattern
        return [UserError(f"filter drop_patterns {patterns!r}", f"a list of {allowed}", f"write [{patterns!r}]")]
    problems = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            problem = f"filter drop_patterns {pattern!r}: {error}"
            problems.append(UserError(problem, allowed, "put a backslash before special characters"))
    return problems
