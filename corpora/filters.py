"""Filters of training rows: each says how many rows it took, and shows some of them."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from foundation.errors import UserError, raise_all

Row = dict[str, str]

_TEXTS = ("source", "pair", "target")
_BLANKS = re.compile(r"\s+")
_AT_LEAST = {"max_token_repeats": 1, "max_ngram_repeats": 1, "ngram": 1, "sample": 1}  # any other number: 0
_NUMBERS = ("min_length", "max_length", "min_target_length", "max_target_length", *_AT_LEAST)
_EXAMPLES = 3
_EXAMPLE_LENGTH = 60  # characters


@dataclass(frozen=True)
class Filters:
    """What training rows must be like; None, False and () ask for nothing. They are applied in this order.

    Raises:
        UserError: a number out of range, a minimum above its maximum, or a pattern that is no regular expression;
            several of them are one `UserErrors`.
    """

    strip_whitespace: bool = False  # a run of blanks becomes one, a run with a line break one line break; drops no row
    min_length: int | None = None  # characters of the source
    max_length: int | None = None  # characters of the source
    min_target_length: int | None = None  # characters of the target
    max_target_length: int | None = None  # characters of the target
    max_token_repeats: int | None = None  # how often one token of the target, cut at blanks, may stand in it
    max_ngram_repeats: int | None = None  # how often one sequence of `ngram` tokens of the target may stand in it
    ngram: int = 3  # tokens
    drop_patterns: tuple[str, ...] = ()  # regular expressions, searched in source, pair and target
    drop_duplicates: bool = False  # same source, pair and target but for case and blanks; the first one stays
    sample: int | None = None  # rows, drawn by the seed from those that are left

    def __post_init__(self) -> None:
        raise_all([*_numbers_out_of_range(self), *_minima_above_maxima(self), *_broken_patterns(self.drop_patterns)])


@dataclass(frozen=True)
class Taken:
    """What one filter took: the number of rows, and the beginnings of the first of them."""

    filter: str
    rows: int
    examples: tuple[str, ...]

    def told(self) -> str:
        """One line for a person."""
        shown = ", ".join(f"'{example}'" for example in self.examples)
        number = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return f"filter {self.filter}: {number} left out" + (f", e.g. {shown}" if shown else "")


def apply(rows: Sequence[Row], filters: Filters, seed: int) -> tuple[list[Row], list[Taken]]:
    """The rows that are left, in file order, and what each filter that was asked for took, be it nothing.

    A row is counted once, by the first filter that takes it. The given rows are not changed.

    Args:
        rows: with the roles `source` and `target`, maybe `pair`; other roles are kept as they are.
        seed: of the sample.

    Raises:
        UserError: no row is left.
    """
    left = [stripped(row) for row in rows] if filters.strip_whitespace else list(rows)
    taken = []
    for name, judge in _in_order(filters, seed):
        shown = judge(left)
        gone = [text for text in shown if text is not None]
        left = [row for row, text in zip(left, shown, strict=True) if text is None]
        taken.append(Taken(name, len(gone), tuple(map(_shortened, gone[:_EXAMPLES]))))
    if not left:
        told = [part.told() for part in taken if part.rows]
        given = "\n    ".join([f"the filters leave none of {len(rows):,} training rows", *told])
        raise UserError(given, "at least one row", "loosen the filter that took the most")
    return left, taken


# ---- what each filter takes

_Judge = Callable[[Sequence[Row]], list[str | None]]  # for each row the text to show if it is taken, None if it stays


def _in_order(filters: Filters, seed: int) -> Iterator[tuple[str, _Judge]]:
    """The name of each filter that was asked for, and what it takes."""
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
        yield f"drop_patterns {pattern!r}", _holding(re.compile(pattern))
    if filters.drop_duplicates:
        yield "drop_duplicates", _standing_before
    if filters.sample is not None:
        yield f"sample {filters.sample}", _not_drawn(filters.sample, seed)


def _outside(role: str, low: int | None, high: int | None) -> _Judge:
    def judge(text: str) -> str | None:
        inside = (low is None or low <= len(text)) and (high is None or len(text) <= high)
        return None if inside else text

    return lambda rows: [judge(row[role]) for row in rows]


def _repeating(tokens: int, most: int) -> _Judge:
    return lambda rows: [row["target"] if most_repeats(row["target"], tokens) > most else None for row in rows]


def _holding(pattern: re.Pattern[str]) -> _Judge:
    return lambda rows: [next((text for text in _texts(row) if pattern.search(text)), None) for row in rows]


def _standing_before(rows: Sequence[Row]) -> list[str | None]:
    seen: set[tuple[str, ...]] = set()
    shown: list[str | None] = []
    for row in rows:
        key = tuple(map(_without_case_and_blanks, _texts(row)))
        shown.append(row["source"] if key in seen else None)
        seen.add(key)
    return shown


def _not_drawn(number: int, seed: int) -> _Judge:
    def judge(rows: Sequence[Row]) -> list[str | None]:
        drawn = set(random.Random(seed).sample(range(len(rows)), min(number, len(rows))))
        return [None if index in drawn else row["source"] for index, row in enumerate(rows)]

    return judge


def most_repeats(text: str, tokens: int) -> int:
    """How often the most frequent sequence of `tokens` tokens stands in the text, cut at blanks; 0 in a shorter one."""
    words = text.split()
    return max(Counter(zip(*(words[start:] for start in range(tokens)), strict=False)).values(), default=0)


# ---- texts


def _texts(row: Row) -> list[str]:
    return [row[role] for role in _TEXTS if role in row]


def stripped(row: Mapping[str, str]) -> Row:
    """The row with runs of blanks in its texts made one."""
    return {role: _BLANKS.sub(_one_blank, text).strip() if role in _TEXTS else text for role, text in row.items()}


def _one_blank(run: re.Match[str]) -> str:
    return "\n" if "\n" in run[0] else " "  # the turns of a dialogue stay on lines of their own


def _without_case_and_blanks(text: str) -> str:
    return "".join(text.casefold().split())


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _EXAMPLE_LENGTH else text[: _EXAMPLE_LENGTH - 1] + "…"


# ---- checks


def _numbers_out_of_range(filters: Filters) -> list[UserError]:
    problems = []
    for name in _NUMBERS:
        number, least = getattr(filters, name), _AT_LEAST.get(name, 0)
        if number is not None and number < least:
            given = f"filter {name} {number}"
            problems.append(UserError(given, f"a whole number from {least}", "change it or leave it out"))
    return problems


def _minima_above_maxima(filters: Filters) -> list[UserError]:
    ranges = {
        "length": (filters.min_length, filters.max_length),
        "target_length": (filters.min_target_length, filters.max_target_length),
    }
    problems = []
    for name, (low, high) in ranges.items():
        if low is not None and high is not None and low > high:
            given = f"filter min_{name} {low} is above max_{name} {high}"
            problems.append(UserError(given, "a minimum up to the maximum", "change one of them"))
    return problems


def _broken_patterns(patterns: Sequence[str]) -> list[UserError]:
    allowed = "regular expressions as Python knows them"
    if isinstance(patterns, str):  # or each of its characters would be a pattern
        return [UserError(f"filter drop_patterns {patterns!r}", f"a list of {allowed}", f"write [{patterns!r}]")]
    problems = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            given = f"filter drop_patterns {pattern!r}: {error}"
            problems.append(UserError(given, allowed, "a backslash makes a sign stand for itself"))
    return problems
