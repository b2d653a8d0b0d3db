"""Class metrics: scores that can be worked out by hand, and a picture without boxes for Hangul."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import pytest
from matplotlib import get_data_path

from trainables.tasks import class_metrics
from trainables.tasks.class_metrics import (
    classification,
    confusion,
    confusion_figure,
    draw_confusion,
    font_covering,
    regression,
)

NAMES = ["긍정", "부정", "중립"]
FONTS = Path(get_data_path()) / "fonts" / "ttf"


def certain(predicted: list[int], classes: int = 3) -> list[list[float]]:
    """Probabilities that are all in one class per row."""
    return [[float(index == chosen) for index in range(classes)] for chosen in predicted]


def test_f1_by_hand() -> None:
    """Four rows, two classes right in part, and a third that no row has."""
    found = classification([0, 0, 0, 1], certain([0, 0, 1, 1]), NAMES)
    # Class 0: precision 1, recall 2/3, F1 4/5. Class 1: precision 1/2, recall 1, F1 2/3. Class 2: absent, F1 0.
    # Macro (4/5 + 2/3 + 0) / 3 = 22/45; weighted by 3 and 1 rows (3 · 4/5 + 2/3) / 4 = 23/30.
    assert found == pytest.approx({"accuracy": 3 / 4, "macro_f1": 22 / 45, "weighted_f1": 23 / 30})


def test_the_likeliest_class_is_the_prediction() -> None:
    """Of equals the first."""
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
def test_what_is_no_score(labels: list[int], probabilities: list[list[float]], problem: str) -> None:
    """No rows, unequal numbers, a class out of range, and NaN, which would be taken for the likeliest."""
    with pytest.raises(ValueError, match=problem):
        classification(labels, probabilities, NAMES)


def test_confusions_are_counted() -> None:
    """Rows are the truth, columns the predictions."""
    assert confusion([0, 0, 1, 2, 2], [0, 1, 1, 0, 0], 3) == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]
    with pytest.raises(ValueError, match="classes 0 to 3 where there are 3"):
        confusion([0, 1], [0, 3], 3)
    with pytest.raises(ValueError, match="1 labels against 2 predictions"):
        confusion([0], [0, 1], 3)


def test_regression_by_hand() -> None:
    """Targets 1, 2, 3, 4 predicted as 1, 3, 2, 6."""
    found = regression([1, 2, 3, 4], [1, 3, 2, 6])
    # Deviations -1.5, -0.5, 0.5, 1.5 and -2, 0, -1, 3: products 3 + 0 - 0.5 + 4.5 = 7, squares 5 and 14.
    # Ranks 1, 3, 2, 4: rank differences 0, 1, 1, 0, so 1 - 6 · 2 / (4 · 15) = 0.8. Errors 0, 1, -1, 2.
    wanted = {"pearson": 7 / math.sqrt(5 * 14), "spearman": 0.8, "mse": 6 / 4, "mae": 4 / 4}
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize(("targets", "predictions"), [([1, 2, 3], [2, 2, 2]), ([2, 2, 2], [1, 2, 3]), ([1], [2])])
def test_what_never_varies_correlates_with_nothing(targets: list[float], predictions: list[float]) -> None:
    """0, without a warning; the errors are still errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regression(targets, predictions)
    assert (found["pearson"], found["spearman"]) == (0.0, 0.0)
    assert found["mae"] > 0


@pytest.mark.parametrize(("targets", "predictions"), [([], []), ([1.0], [1.0, 2.0])])
def test_numbers_must_match(targets: list[float], predictions: list[float]) -> None:
    """No rows, or unequal numbers of them, are no score."""
    with pytest.raises(ValueError, match="labels against"):
        regression(targets, predictions)


def test_a_font_must_have_every_character() -> None:
    """The first that has them all; Computer Modern has no Greek letters, and neither has Hangul."""
    fonts = [FONTS / "cmr10.ttf", FONTS / "DejaVuSans.ttf"]
    assert font_covering("abc", fonts) == fonts[0]
    assert font_covering("αβγ", fonts) == fonts[1]
    assert font_covering("긍정", fonts) is None


def test_cells_show_counts_and_shares() -> None:
    """Shares are of the true class; a class without rows has 0 %; names stand at both axes."""
    figure = confusion_figure([[1, 3], [0, 0]], ["yes", "no"], FONTS / "DejaVuSans.ttf")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1\n25%", "3\n75%", "0\n0%", "0\n0%"]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["yes", "no"]
    assert axes.get_title() == ""


def test_without_a_font_classes_go_by_number() -> None:
    """And the picture says so."""
    axes = confusion_figure([[1, 0], [0, 1]], NAMES[:2], None).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]
    assert "by their number" in axes.get_title()


@pytest.mark.parametrize("fonts", ["this machine's", "none"])
def test_a_picture_has_no_boxes(fonts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib warns of each character that it draws as a box; with Korean names it warns of none."""
    if fonts == "none":
        monkeypatch.setattr(class_metrics, "_korean_fonts", lambda: ())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_confusion([[5, 1, 0], [2, 3, 0], [0, 0, 0]], NAMES, tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG\r\n")
