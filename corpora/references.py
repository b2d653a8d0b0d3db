"""Several targets of one row: dev and test files of generation tasks may have a column for each."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile

Row = Mapping[str, str]

FIRST = "target"


def role_of(number: int) -> str:
    """Returns the role of a row's target with this number, from 1: `target`, `target_2`, …"""
    return FIRST if number == 1 else f"{FIRST}_{number}"


def targets_of(row: Row) -> list[str]:
    """Returns all targets of a row, at least one."""
    return [row[role] for role in takewhile(row.__contains__, map(role_of, count(1)))]


def with_targets(row: Row, columns: int) -> dict[str, str]:
    """Returns the row with its texts in the first `columns` target roles moved up, and without the empty ones.

    Without any text, the row has no target.
    """
    roles = [role_of(number) for number in range(1, columns + 1)]
    texts = [text for role in roles if (text := row.get(role, ""))]
    others = {role: text for role, text in row.items() if role not in roles}
    return {**others, **{role_of(number): text for number, text in enumerate(texts, 1)}}
