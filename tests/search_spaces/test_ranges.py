"""Ranges built in Python: values, default, description and condition."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.ranges import Choice, FloatRange, IntRange, Range, When, holds


@pytest.mark.parametrize(
    ("searched", "default"),
    [
        (FloatRange(0, 0.2), 0.1),
        (FloatRange(1e-5, 1e-3, log=True), 1e-4),  # sqrt(1e-5 * 1e-3) = 1e-4
        (IntRange(1, 8), 5),  # 4.5 is 3.5 steps from 1; even rounding gives 4 steps
        (IntRange(1, 10, step=4), 5),  # 5.5 is the midpoint; of 1, 5, 9 the nearest is 5
        (IntRange(8, 512, log=True), 64),  # sqrt(8 * 512) = 64
        (IntRange(0, 5, step=5), 0),  # 2.5 is half a step from both; even rounding gives 0 steps
        (Choice(("b", "a")), "b"),
    ],
)
def test_the_midpoint_is_the_fallback_default(searched: Range, default: object) -> None:
    """Every range has a default, and it is inside the range."""
    assert searched.default == default
    assert searched.contains(searched.fallback_default())


def test_a_range_contains_its_bounds_and_its_grid() -> None:
    """Types matter: True is not 1, and 4.0 is not an int."""
    real, grid, choice = FloatRange(0, 0.2), IntRange(1, 8, step=3), Choice((1, "x", None))
    assert [value for value in (-0.1, 0, 0.2, 0.3, True, "0.1", None) if real.contains(value)] == [0, 0.2]
    assert [value for value in (0, 1, 2, 4, 4.0, 7, 8, 10) if grid.contains(value)] == [1, 4, 7]
    assert [choice.contains(value) for value in (1, True, "x", None, "y")] == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("searched", "text"),
    [
        (FloatRange(1e-5, 1e-3, log=True), "log 1e-05 … 0.001"),
        (FloatRange(0, 0.2), "float 0 … 0.2"),
        (IntRange(1, 8), "int 1 … 8"),
        (IntRange(1, 8, step=2), "int 1 … 8 step 2"),
        (Choice(("adamw_torch", "adafactor")), "adamw_torch | adafactor"),
        (IntRange(0, 4, when={"num_beams": (2, 4)}), "int 0 … 4 when num_beams = 2 or 4"),
    ],
)
def test_the_description_is_short(searched: Range, text: str) -> None:
    """One line, for tables."""
    assert searched.describe() == text


def test_a_condition_holds_with_one_of_its_values() -> None:
    """Every parameter of the condition must match; a missing one does not."""
    when: When = {"optim": "adafactor", "num_beams": (2, 4)}
    assert holds(None, {})
    assert holds(when, {"optim": "adafactor", "num_beams": 4})
    assert not holds(when, {"optim": "adafactor", "num_beams": 3})
    assert not holds(when, {"optim": "adafactor"})


@pytest.mark.parametrize(
    "build",
    [
        lambda: FloatRange(2, 1),
        lambda: IntRange(1, 8, step=9),
        lambda: Choice(()),
        lambda: FloatRange(0, float("inf")),
        lambda: FloatRange(0, 1, default=2),
    ],
)
def test_an_invalid_range_cannot_be_built(build: Any) -> None:
    """The constructor checks what the parser checks."""
    with pytest.raises(ValueError, match=r"lower bound is above|larger|no option|infinite|default"):
        build()
