"""Accuracy and F1 of predicted classes, computed by hand."""

from __future__ import annotations

import math

import pytest

from trainables.tasks.class_metrics import classification

NAMES = ["긍정", "부정", "중립"]


def certain(predicted: list[int], classes: int = 3) -> list[list[float]]:
    """Probabilities of 1 for one class per row."""
    return [[float(index == label) for index in range(classes)] for label in predicted]


def test_f1_by_hand() -> None:
    """Four rows, two classes that are partly right, and a third class without rows."""
    scores = classification([0, 0, 0, 1], certain([0, 0, 1, 1]), NAMES)
    # Class 0: precision 1, recall 2/3, F1 4/5. Class 1: precision 1/2, recall 1, F1 2/3. Class 2: absent, F1 0.
    # Macro (4/5 + 2/3 + 0) / 3 = 22/45; weighted by 3 and 1 rows (3 · 4/5 + 2/3) / 4 = 23/30.
    assert scores == pytest.approx({"accuracy": 3 / 4, "macro_f1": 22 / 45, "weighted_f1": 23 / 30})


def test_the_most_probable_class_is_the_prediction() -> None:
    """On a tie it is the first one."""
    assert classification([1, 0], [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]], NAMES)["accuracy"] == 1


@pytest.mark.parametrize(
    ("labels", "probabilities", "problem"),
    [
        ([], [], "0 labels against 0 predictions"),
        ([0, 1], [[1.0, 0.0, 0.0]], "2 labels against 1 predictions"),
        ([0], [[1.0, 0.0]], r"shape \[1, 2\] for 3 classes"),
        ([3], [[1.0, 0.0, 0.0]], "classes 3 to 3 where there are 3"),
        ([-1], [[1.0, 0.0, 0.0]], "classes -1 to -1"),
        ([0], [[math.nan, 0.5, 0.5]], "not finite"),
    ],
)
def test_invalid_inputs_are_refused(labels: list[int], probabilities: list[list[float]], problem: str) -> None:
    """No rows, unequal numbers, a class out of range, and NaN, which argmax would return as the largest."""
    with pytest.raises(ValueError, match=problem):
        classification(labels, probabilities, NAMES)
