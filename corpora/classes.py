"""Classes in the target column: what the counts reveal about wrong files, and the counts for the user."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

from foundation.errors import UserError

Rows = Sequence[Mapping[str, str]]

_FEW_ROWS = 20  # in fewer rows, most labels may occur once
_SHOWN = 10


def class_problem(path: str, rows: Rows, header: Sequence[str], columns: Mapping[str, str | None]) -> UserError | None:
    """Returns the error for training rows whose targets cannot be classes, or None.

    Args:
        path: The training file.
        rows: All rows of it.
        header: The column names that were used because the file has no header line; empty if it has one.
        columns: Role -> column name.
    """
    return _too_many_classes(path, rows, header, columns) or (_header_as_row(path, rows, header) if header else None)


def _too_many_classes(
    path: str, rows: Rows, header: Sequence[str], columns: Mapping[str, str | None]
) -> UserError | None:
    labels, texts = len({row["target"] for row in rows}), len({row["source"] for row in rows})
    if len(rows) < _FEW_ROWS or labels <= len(rows) / 2:
        return None
    swapped = texts < labels / 2
    if not swapped and labels < 0.9 * len(rows):
        return None
    source, target = columns["source"], columns["target"]
    problem = f"{path}: column {target!r} has {labels:,} different labels in {len(rows):,} rows"
    allowed = "labels that many rows share"
    if not swapped:
        return UserError(problem, allowed, "check the target column (--set columns.target=…)")
    problem += f", and column {source!r} has {texts:,} different texts: they seem to be swapped"
    if not header:
        return UserError(problem, allowed, f"--set columns.source={target} --set columns.target={source}")
    names = [{source: target, target: source}.get(name, name) for name in header]
    return UserError(problem, allowed, "--set " + shlex.quote(f"columns.header=[{', '.join(map(str, names))}]"))


def _header_as_row(path: str, rows: Rows, header: Sequence[str]) -> UserError | None:
    label = rows[0]["target"]
    if len(rows) < _FEW_ROWS or any(row["target"] == label for row in rows[1:]):
        return None
    shown = f"{rows[0]['source'][:30]!r} with the label {label!r}"
    problem = f"{path}: the first line is read as a row, {shown}, but no other row has this label"
    allowed = f"rows only, or a first line with the column names {', '.join(header)}"
    todo = (
        f"replace the first line by these names if it is a header, else write them in a line above it ({path}, line 1)"
    )
    return UserError(problem, allowed, todo)


def class_counts(splits: Mapping[str, Rows]) -> str:
    """Returns the number of rows of each class per split: `classes (train / dev): 긍정 90 / 10, 부정 95 / 5`."""
    counts = {name: Counter(row["target"] for row in rows) for name, rows in splits.items()}
    total = sum(counts.values(), Counter())
    classes = [label for label, _ in sorted(total.items(), key=lambda item: (-item[1], item[0]))]
    shown = [f"{label} {' / '.join(f'{count[label]:,}' for count in counts.values())}" for label in classes[:_SHOWN]]
    if len(classes) > _SHOWN:
        least = counts["train"][classes[-1]]
        shown.append(f"and {len(classes) - _SHOWN:,} more (the rarest has {least:,} in train)")
    return f"{len(classes):,} classes ({' / '.join(counts)}): {', '.join(shown)}"
