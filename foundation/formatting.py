"""Formats numbers, durations and texts for people: few characters, no meaningless digits."""

from __future__ import annotations

import math

#: Characters of the widest cell of a table.
LONGEST_CELL = 18


def short_number(value: object) -> str:
    """Formats a parameter in few characters: 3.2e-04, 0.113, 4, true, or a text truncated with an ellipsis."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _short_float(value)
    text = one_line(str(value))
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _short_float(value: float) -> str:
    size = abs(value)
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if size < 1e-3 or size >= 1e5:
        return f"{value:.1e}"
    # From 100 on, three significant digits would turn 999.9 into 1e+03.
    return f"{value:.0f}" if size >= 100 else f"{value:.3g}"


def score_text(value: float | None) -> str:
    """Formats a metric with four decimals; very small and very large values with their significant digits."""
    if value is None:
        return "–"
    if 0 < abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.6g}"


def short_epoch(epoch: float | None) -> str:
    """Formats an epoch with at most two decimals: 2, 0.25; 0 before the first report."""
    return f"{round(epoch or 0.0, 2):g}"


def clock_text(seconds: float) -> str:
    """Formats a duration as M:SS or H:MM:SS: 0:42, 12:40, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def age_text(seconds: float) -> str:
    """Formats how long ago something was, in its largest unit: 42 s, 5 min, 3 h, 12 d."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds / size)} {unit}"
    return f"{int(seconds)} s"


def one_line(text: str) -> str:
    """Replaces line breaks and control characters, which would break a table, by spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
