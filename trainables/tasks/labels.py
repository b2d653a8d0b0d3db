"""Labels: those of the training rows, rows with other labels, and generated texts corrected to the nearest label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from foundation.errors import UserError, nearest, raise_all
from trainables.tasks.task import Row


def labels_of(rows: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    """Returns the labels of the training rows, sorted, so that their numbers are the same in every process.

    Args:
        rows: split -> rows; splits other than `train` may only have labels of `train`.

    Raises:
        UserError: fewer than two labels, or a label that is not in `train`.
    """
    labels = sorted({row["target"] for row in rows["train"]})
    problems: list[UserError] = []
    if len(labels) < 2:
        number = len(rows["train"])
        problem = f"all {number} training rows have the label {labels[0]!r}" if labels else "no training rows"
        problems.append(UserError(problem, "two labels or more", "check the target column (--set columns.target=…)"))
    for split, split_rows in rows.items():
        problems += unknown_labels(split, split_rows, labels)
    raise_all(problems)
    return tuple(labels)


def unknown_labels(split: str, rows: Sequence[Row], labels: Sequence[str]) -> list[UserError]:
    """Returns one error for each of the five most frequent labels of `rows` that are not in `labels`."""
    counts = Counter(row["target"] for row in rows if row["target"] not in set(labels))
    return [
        UserError(
            f"label {label!r} of {split} ({count} row{'' if count == 1 else 's'}) is not in train",
            f"{', '.join(labels[:10])}{' …' if len(labels) > 10 else ''}",
            nearest(label, labels) or "remove these rows, or add such rows to train",
        )
        for label, count in counts.most_common(5)
    ]


class LabelCorrector:
    """Replaces generated texts by the labels they are nearest to.

    Raises:
        ValueError: no labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        if not labels:
            raise ValueError("there are no labels to choose among")
        self.labels = sorted(set(labels))

    def correct(self, text: str) -> tuple[str, bool]:
        """Returns the label with the least Levenshtein distance in characters (the first in sorted order on a tie), and
        whether `text` was not a label itself."""
        from rapidfuzz.distance import Levenshtein

        label = min(self.labels, key=lambda label: Levenshtein.distance(text, label))
        return label, label != text

    def correct_all(self, texts: Sequence[str]) -> tuple[list[str], float]:
        """Returns the label of each text, and the share of texts that were no label; 0.0 without texts."""
        labels = {text: self.correct(text) for text in dict.fromkeys(texts)}
        corrected = sum(labels[text][1] for text in texts)
        return [labels[text][0] for text in texts], corrected / max(len(texts), 1)
