"""Numbers, durations and texts as people read them."""

from __future__ import annotations

import math

import pytest

from foundation.formatting import LONGEST_CELL, clock_text, one_line, score_text, short_epoch, short_number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (True, "true"),
        (4, "4"),
        (0.0, "0"),
        (0.0009, "9.0e-04"),
        (0.001, "0.001"),
        (0.113456, "0.113"),
        (99.96, "100"),
        (999.9, "1000"),
        (99_999.0, "99999"),
        (100_000.0, "1.0e+05"),
        (-0.00032, "-3.2e-04"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        ("a" * LONGEST_CELL, "a" * LONGEST_CELL),
        ("a" * (LONGEST_CELL + 1), "a" * (LONGEST_CELL - 1) + "…"),
        ("two\nlines", "two lines"),
    ],
)
def test_parameters_are_short(value: object, text: str) -> None:
    """At the limits where the form changes, and without line breaks."""
    assert short_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0.0000"),
        (0.0009994, "9.99e-04"),
        (0.001, "0.0010"),
        (1.08885, "1.0889"),
        (-99.99994, "-99.9999"),
        (100.0, "100"),
        (math.nan, "nan"),
        (1234.5678, "1234.57"),
    ],
)
def test_scores_have_four_decimals(value: float | None, text: str) -> None:
    """Except very small and very large ones."""
    assert score_text(value) == text


@pytest.mark.parametrize(("epoch", "text"), [(None, "0"), (0.0, "0"), (2.0, "2"), (0.25, "0.25"), (1 / 3, "0.33")])
def test_epochs_have_at_most_two_decimals(epoch: float | None, text: str) -> None:
    """A whole epoch has none."""
    assert short_epoch(epoch) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0:00"), (42, "0:42"), (59.99, "0:59"), (760, "12:40"), (3599, "59:59"), (3723, "1:02:03")],
)
def test_durations_are_minutes_and_seconds(seconds: float, text: str) -> None:
    """With hours from one hour on."""
    assert clock_text(seconds) == text


def test_a_text_becomes_one_line() -> None:
    """Control characters move the cursor of a terminal."""
    assert one_line(" a\r\n\tb\x1b[2Jc  d ") == "a b [2Jc d"
