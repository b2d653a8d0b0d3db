"""Values as users write them: YAML without its traps, numbers, durations."""

from __future__ import annotations

import pytest

from foundation.errors import UserError
from search_spaces.values import as_number, as_whole, as_written, parse_duration, read_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("true", True), ("none", "none"), ("null", None), ("1e-5", 1e-5), ("a: b", "a: b"), ("=", "=")],
)
def test_scalars_follow_the_rules_of_yaml(text: str, value: object) -> None:
    """The type matters: 1 is not True."""
    assert (read_scalar(text), type(read_scalar(text))) == (value, type(value))


def test_numbers_may_be_texts_but_must_be_finite() -> None:
    """Booleans, NaN and infinity are refused, and 1.5 is not a whole number."""
    assert [as_number(value) for value in ("1e-5", 2, True, "nan", "inf", "x")] == [1e-5, 2.0, None, None, None, None]
    assert [as_whole(value) for value in ("8", 8.0, "1e3", 1.5, True, None)] == [8, 8, 1000, None, None, None]


def test_exponents_are_numbers_at_any_depth() -> None:
    """Other YAML parsers read `1e-5` as text."""
    assert as_written({"a": ["1e-5", "x1e5"], "b": (1,)}) == {"a": [1e-5, "x1e5"], "b": [1]}
    with pytest.raises(ValueError, match="nan"):
        as_written([float("nan")])


@pytest.mark.parametrize(
    ("text", "seconds"),
    # 1 h 30 min = 3600 + 1800; 1.5 h the same; 2 d = 2 * 86400
    [("90s", 90), ("3m", 180), ("4h", 14400), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), ("5", 5), (7.5, 7.5)],
)
def test_durations_in_seconds(text: str | float, seconds: float) -> None:
    """A number without a unit is in seconds."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "4 hours", "30m1h", "1.2.3h", "-5", "0", "0m", "inf", "1:30"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    """Units in the wrong order, an empty text, and durations that are not above zero."""
    with pytest.raises(UserError, match="is not a duration"):
        parse_duration(text)
