"""Labels: those of the training rows, rows with other labels, and generated texts corrected to the nearest label."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from corpora.names import drawn
from foundation.errors import UserError, nearest, raise_all
from trainables.tasks.task import Row

_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{0,15})?")
_SEPARATOR = re.compile(r"[,;|/+]")


def labels_of(rows: Mapping[str, Sequence[Row]]) -> tuple[str, ...]:
    """Returns the labels of the training rows, sorted, so that their numbers are the same in every process.

    Args:
        rows: split -> rows; splits other than `train` may only have labels of `train`.

    Raises:
        UserError: fewer than two labels, two spellings of one label, or a label that is not in `train`.
    """
    labels = sorted({row["target"] for row in rows["train"]})
    if ambiguous := _spelled_twice({row["target"] for split_rows in rows.values() for row in split_rows}):
        raise ambiguous
    problems: list[UserError] = []
    if len(labels) < 2:
        number = len(rows["train"])
        problem = f"all {number} training rows have the label {labels[0]!r}" if labels else "no training rows"
        problems.append(UserError(problem, "two labels or more", "check the target column (--set columns.target=…)"))
    for split, split_rows in rows.items():
        problems += unknown_labels(split, split_rows, labels)
    raise_all(problems)
    return tuple(labels)


def _spelled_twice(labels: Collection[str]) -> UserError | None:
    """Returns the error for labels that mean the same to a reader.

    They are numbers such as 1 and 1.0, which pandas writes where a file has missing values, or texts that differ only
    in whitespace and characters that are not drawn.
    """
    spellings: dict[float | str, list[str]] = {}
    for label in sorted(labels, key=lambda label: (len(label), label)):
        spellings.setdefault(float(label) if _NUMBER.fullmatch(label) else drawn(label), []).append(label)
    same = [group for group in spellings.values() if len(group) > 1]
    if not same:
        return None
    shown = "; ".join(" and ".join(map(repr, group)) for group in same[:3])
    new = {label: group[0] for group in spellings.values() for label in group}
    mapping = ", ".join(f"{_in_yaml(label)}: {_in_yaml(new[label])}" for label in sorted(labels))
    problem = f"labels that look alike, or are the same number: {shown}"
    return UserError(problem, "one spelling for each label", f"--set {shlex.quote(f'data.labels={{{mapping}}}')}")


def _in_yaml(label: str) -> str:
    return json.dumps(label, ensure_ascii=not label.isprintable())


def unknown_labels(
    split: str,
    rows: Sequence[Row],
    labels: Sequence[str],
    what: str = "not in train",
    remedy: str = "remove these rows, or add such rows to train",
) -> list[UserError]:
    """Returns one error for each of the five most frequent labels of `rows` that are not in `labels`."""
    counts = Counter(row["target"] for row in rows if row["target"] not in set(labels))
    return [
        UserError(
            f"label {label!r} of {split} ({count} row{'' if count == 1 else 's'}) is {what}",
            f"{', '.join(labels[:10])}{' …' if len(labels) > 10 else ''}",
            _several(label, labels) or nearest(label, labels) or remedy,
        )
        for label, count in counts.most_common(5)
    ]


def labels_of_no_class(split: str, rows: Sequence[Row], labels: Sequence[str]) -> list[UserError]:
    """Returns what is wrong with the labels of rows that a trained model is to be scored on.

    Labels none of which is a class of the model are named in another way, such as 0 for LABEL_0: the remedy is a
    mapping.
    """
    targets = sorted({row["target"] for row in rows})
    if not targets or set(targets) & set(labels):
        return unknown_labels(split, rows, labels, "no class of the model", "remove these rows")
    shown, classes = (f"{', '.join(names[:10])}{' …' if len(names) > 10 else ''}" for names in (targets, labels))
    mapping = ", ".join(f"{target!r}: {_class_of(target, labels)}" for target in targets)
    return [
        UserError(
            f"the labels of {split} are {shown}, and none of them is a class of the model",
            classes,
            f'name the class of each label: --set "data.labels={{{mapping}}}"',
        )
    ]


def _class_of(label: str, labels: Sequence[str]) -> str:
    """Returns the class whose name ends with the number `label`, as in transformers' LABEL_0; else a gap to fill."""
    return next((name for name in labels if label.isdecimal() and name.rpartition("_")[2] == label), "CLASS")


def _several(label: str, labels: Sequence[str]) -> str:
    """Returns what to do if a label lists several labels of `train`; empty if it does not."""
    parts = [part.strip() for part in _SEPARATOR.split(label)]
    if len(parts) < 2 or not set(parts) <= set(labels):
        return ""
    return "a row has one class, several labels per row (multi-label) are not supported: keep one label in each row"


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
