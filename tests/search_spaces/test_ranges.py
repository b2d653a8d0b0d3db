"""Ranges built in Python: what they contain, their default, their description, and when they exist."""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.ranges import Choice, FloatRange, IntRange, Range, When, holds


@pytest.mark.parametrize(
    ("made", "default"),
    [
        (FloatRange(0, 0.2), 0.1),
        (FloatRange(1e-5, 1e-3, log=True), 1e-4),  # sqrt(1e-5 * 1e-3) = 1e-4
        (IntRange(1, 8), 5),  # 4.5 is 3.5 steps from 1; even rounding gives 4 steps
        (IntRange(1, 10, step=4), 5),  # of 1, 5, 9 the nearest to 5.5
        (IntRange(8, 512, log=True), 64),  # sqrt(8 * 512) = 64
        (IntRange(0, 5, step=5), 0),  # 2.5 lies in the middle of 0 and 5
        (Choice(("b", "a")), "b"),
    ],
)
def test_without_a_default_the_middle_is_taken(made: Range, default: object) -> None:
    """A range always has a default, and its own fallback lies inside."""
    assert made.default == default
    assert made.contains(made.fallback_default())


def test_a_range_contains_its_ends_its_grid_and_nothing_else() -> None:
    """Types count as well: True is not 1, and 4.0 is no int."""
    real, grid, choice = FloatRange(0, 0.2), IntRange(1, 8, step=3), Choice((1, "x", None))
    assert [value for value in (-0.1, 0, 0.2, 0.3, True, "0.1", None) if real.contains(value)] == [0, 0.2]
    assert [value for value in (0, 1, 2, 4, 4.0, 7, 8, 10) if grid.contains(value)] == [1, 4, 7]
    assert [choice.contains(value) for value in (1, True, "x", None, "y")] == [True, False, True, True, False]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (FloatRange(1e-5, 1e-3, log=True), "log 1e-05 … 0.001"),
        (FloatRange(0, 0.2), "float 0 … 0.2"),
        (IntRange(1, 8), "int 1 … 8"),
        (IntRange(1, 8, step=2), "int 1 … 8 step 2"),
        (Choice(("adamw_torch", "adafactor")), "adamw_torch | adafactor"),
        (IntRange(0, 4, when={"num_beams": (2, 4)}), "int 0 … 4 when num_beams = 2 or 4"),
    ],
)
def test_the_description_is_short(made: Range, text: str) -> None:
    """One line for tables."""
    assert made.describe() == text


def test_a_condition_holds_with_one_of_its_values() -> None:
    """All named parameters count, and one that is absent fulfils nothing."""
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
def test_a_range_that_is_none_cannot_be_built(build: Any) -> None:
    """The constructor checks what the parser checks."""
    with pytest.raises(ValueError, match=r"upside down|larger|no option|no end|default"):
        build()
