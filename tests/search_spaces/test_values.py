"""Values as users write them: YAML without its traps, numbers, durations."""

from __future__ import annotations

import pytest

from foundation.errors import UserError
from search_spaces.values import as_number, as_whole, as_written, load_yaml, parse_duration, read_scalar


def test_yaml_has_no_surprises() -> None:
    """`1e-5` is a number; a time of day and a date are texts (in YAML 1.1 they are 90 and a date object)."""
    values = load_yaml("{a: 1e-5, b: 1.5e-5, c: 1:30, d: 2026-01-02, e: 8, f: none, g: null, h: '1', i: 0x1f}", "x")
    assert values == {
        "a": 1e-5, "b": 1.5e-5, "c": "1:30", "d": "2026-01-02", "e": 8, "f": "none", "g": None, "h": "1", "i": 31
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", "line 3"), ("s:\n  x: 1\n  x: 2\n", "line 3"), ("a: [1\nb: 2\n", "line 2")],
)
def test_duplicate_keys_and_invalid_yaml_are_reported_with_their_line(text: str, line: str) -> None:
    """PyYAML silently keeps the last of two equal keys; here that is an error, at any depth."""
    with pytest.raises(UserError) as caught:
        load_yaml(text, "my.yaml")
    assert caught.value.problem.startswith(f"my.yaml, {line}: ")


def test_bytes_in_another_encoding_are_a_user_error() -> None:
    """With a message instead of a traceback."""
    with pytest.raises(UserError, match=r"^my\.yaml"):
        load_yaml("a: 한국어".encode("cp949"), "my.yaml")


def test_merge_keys_are_not_duplicates() -> None:
    """`<<: *anchor` together with a key that overrides it is valid YAML."""
    assert load_yaml("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", "x")["b"] == {"k": 3, "l": 2}


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
