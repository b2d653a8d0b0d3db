"""Labels as a study learns them from its training rows, and those that nothing can be learned of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from foundation.errors import UserError, nearest, raise_all
from trainables.tasks.task import Row


def learned_labels(rows: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    """The labels of the training rows, sorted, so that they are numbered alike everywhere.

    Args:
        rows: split -> rows; all but `train` may hold no label that `train` does not.

    Raises:
        UserError: one label only, or a label that cannot be learned.
    """
    labels = sorted({row["target"] for row in rows["train"]})
    problems: list[UserError] = []
    if len(labels) < 2:
        given = f"all {len(rows['train'])} training rows have the label {labels[0]!r}" if labels else "no training rows"
        problems.append(UserError(given, "two labels or more", "check the target column (--set columns.target=…)"))
    for split, found in rows.items():
        problems += unknown_labels(split, found, labels)
    raise_all(problems)
    return tuple(labels)


def unknown_labels(split: str, rows: Sequence[Row], labels: Sequence[str]) -> list[UserError]:
    """What is wrong with rows whose label was never in train, the most frequent labels first."""
    known = set(labels)
    strange = Counter(row["target"] for row in rows if row["target"] not in known)
    return [
        UserError(
            f"label {label!r} of {split} ({count} row{'' if count == 1 else 's'}) never stands in train",
            f"{', '.join(labels[:10])}{' …' if len(labels) > 10 else ''}",
            nearest(label, labels) or "take these rows out, or train with such rows",
        )
        for label, count in strange.most_common(5)
    ]
