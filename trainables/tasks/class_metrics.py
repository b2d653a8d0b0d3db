"""Metrics of predicted classes: accuracy and F1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from search_spaces.choices import Direction
from trainables.tasks.confusion import class_array
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import Metric


def classification(
    labels: Sequence[int], probabilities: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, float]:
    """Returns accuracy and F1 of the most probable classes, each in 0…1 (scikit-learn's definitions).

    Every class counts in `macro_f1`, even if no row has it; a class that is neither true nor predicted has F1 0.

    Args:
        labels: true class per row.
        probabilities: [rows][classes]; on a tie the first class is the prediction.
        names: one per class.

    Raises:
        ValueError: no rows, unequal numbers of rows or classes, a class out of range, or a number that is not finite.
    """
    from sklearn.metrics import f1_score

    if len(labels) == 0 or len(labels) != len(probabilities):
        raise ValueError(f"{len(labels)} labels against {len(probabilities)} predictions")
    table = np.asarray(probabilities, dtype=np.float64)  # [rows, classes]
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"probabilities of shape {list(table.shape)} for {len(names)} classes")
    if not np.isfinite(table).all():
        raise ValueError("a probability is not finite")
    truth, predicted = class_array(labels, len(names)), table.argmax(axis=1)
    f1 = {
        kind: float(f1_score(truth, predicted, labels=range(len(names)), average=kind, zero_division=0))
        for kind in ("macro", "weighted")
    }
    accuracy = float((truth == predicted).mean())
    return {"accuracy": accuracy, "macro_f1": f1["macro"], "weighted_f1": f1["weighted"]}


@dataclass(frozen=True)
class ClassInputs:
    """What class metrics are computed from.

    Args:
        evaluation: its predictions are probabilities [rows][classes].
        truth: true class per row.
        names: one per class.
    """

    evaluation: Evaluation
    truth: Sequence[int]
    names: Sequence[str]

    @cached_property
    def class_scores(self) -> dict[str, float]:
        """The metrics of `classification`, computed once."""
        return classification(self.truth, self.evaluation.predictions, self.names)

    @property
    def correct(self) -> list[float]:
        """1 for a row whose most probable class is its own, else 0."""
        predicted = np.asarray(self.evaluation.predictions, dtype=np.float64).argmax(axis=1)
        return [int(one == other) for one, other in zip(predicted, self.truth, strict=True)]


#: Each reads `class_scores` of the scoring inputs.
CLASS_METRICS = (
    Metric(
        "accuracy",
        Direction.MAX,
        lambda inputs: inputs.class_scores["accuracy"],
        row_values=lambda inputs: inputs.correct,
        row_name="correct",
    ),
    Metric("macro_f1", Direction.MAX, lambda inputs: inputs.class_scores["macro_f1"]),
    Metric("weighted_f1", Direction.MAX, lambda inputs: inputs.class_scores["weighted_f1"]),
)
