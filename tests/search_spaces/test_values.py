"""Values as people write them: YAML without its traps, numbers, lengths of time."""

from __future__ import annotations

import pytest

from foundation.errors import UserError
from search_spaces.values import as_number, as_whole, as_written, load_yaml, parse_duration, read_scalar


def test_yaml_reads_what_people_mean() -> None:
    """`1e-5` is a number, while a time of day and a date stay text (YAML 1.1 has 90 and a date object)."""
    read = load_yaml("{a: 1e-5, b: 1.5e-5, c: 1:30, d: 2026-01-02, e: 8, f: none, g: null, h: '1', i: 0x1f}", "x")
    assert read == {
        "a": 1e-5, "b": 1.5e-5, "c": "1:30", "d": "2026-01-02", "e": 8, "f": "none", "g": None, "h": "1", "i": 31
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", "line 3"), ("s:\n  x: 1\n  x: 2\n", "line 3"), ("a: [1\nb: 2\n", "line 2")],
)
def test_a_key_twice_and_broken_yaml_name_the_line(text: str, line: str) -> None:
    """PyYAML keeps the last of two equal keys in silence; here it is an error, at any depth."""
    with pytest.raises(UserError) as caught:
        load_yaml(text, "my.yaml")
    assert caught.value.problem.startswith(f"my.yaml, {line}: ")


def test_bytes_that_are_no_text_are_an_error_of_the_user() -> None:
    """A file in another encoding is reported, not thrown as a trace."""
    with pytest.raises(UserError, match=r"^my\.yaml"):
        load_yaml("a: 한국어".encode("cp949"), "my.yaml")


def test_merge_keys_are_no_duplicates() -> None:
    """`<<: *anchor` beside a key that overrides it is ordinary YAML."""
    assert load_yaml("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\n", "x")["b"] == {"k": 3, "l": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("true", True), ("none", "none"), ("null", None), ("1e-5", 1e-5), ("a: b", "a: b"), ("=", "=")],
)
def test_a_scalar_follows_the_rules_of_yaml(text: str, value: object) -> None:
    """The type is part of the result: 1 is not True."""
    assert (read_scalar(text), type(read_scalar(text))) == (value, type(value))


def test_numbers_may_be_text_but_must_be_finite() -> None:
    """Booleans, NaN and infinity are no numbers, and 1.5 is not whole."""
    assert [as_number(value) for value in ("1e-5", 2, True, "nan", "inf", "x")] == [1e-5, 2.0, None, None, None, None]
    assert [as_whole(value) for value in ("8", 8.0, "1e3", 1.5, True, None)] == [8, 8, 1000, None, None, None]


def test_exponents_are_numbers_at_any_depth() -> None:
    """A YAML reader that leaves `1e-5` as text does no harm."""
    assert as_written({"a": ["1e-5", "x1e5"], "b": (1,)}) == {"a": [1e-5, "x1e5"], "b": [1]}
    with pytest.raises(ValueError, match="nan"):
        as_written([float("nan")])


@pytest.mark.parametrize(
    ("text", "seconds"),
    # 1 h 30 min = 3600 + 1800; 1.5 h the same; 2 d = 2 * 86400
    [("90s", 90), ("3m", 180), ("4h", 14400), ("1h30m", 5400), ("1.5h", 5400), ("2d", 172800), ("5", 5), (7.5, 7.5)],
)
def test_durations_in_seconds(text: str | float, seconds: float) -> None:
    """Numbers are seconds, letters are units."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "4 hours", "30m1h", "1.2.3h", "-5", "0", "0m", "inf", "1:30"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Units in the wrong order, nothing at all, and times that are not above zero."""
    with pytest.raises(UserError, match="not a length of time"):
        parse_duration(text)
