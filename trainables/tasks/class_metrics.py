"""Scores of predicted classes and numbers, and a picture of the confusions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

#: Families with Hangul, as Linux, Windows and macOS ship them.
KOREAN_FONTS = (
    "NanumGothic",
    "NanumBarunGothic",
    "NanumSquare",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Noto Sans CJK JP",  # the family that one file with all CJK scripts is listed under
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
)

_LONGEST_SIDE = 12_000  # pixels


def classification(
    labels: Sequence[int], probabilities: Sequence[Sequence[float]], names: Sequence[str]
) -> dict[str, float]:
    """Accuracy and F1 of the likeliest classes, each in 0…1 (scikit-learn's definitions).

    A class counts in `macro_f1` whether or not a row has it; one that is neither there nor predicted has F1 0.

    Args:
        labels: true class per row.
        probabilities: [rows][classes]; of equals the first is the prediction.
        names: one per class.

    Raises:
        ValueError: no rows, unequal numbers of rows or classes, a class out of range, or a number that is not finite.
    """
    from sklearn.metrics import f1_score

    _check_rows(labels, probabilities)
    table = np.asarray(probabilities, dtype=np.float64)  # [rows, classes]
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ValueError(f"probabilities of shape {list(table.shape)} for {len(names)} classes")
    if not np.isfinite(table).all():
        raise ValueError("a probability is not finite")
    truth, predicted = _classes(labels, len(names)), table.argmax(axis=1)
    f1 = {
        kind: float(f1_score(truth, predicted, labels=range(len(names)), average=kind, zero_division=0))
        for kind in ("macro", "weighted")
    }
    accuracy = float((truth == predicted).mean())
    return {"accuracy": accuracy, "macro_f1": f1["macro"], "weighted_f1": f1["weighted"]}


def confusion(labels: Sequence[int], predicted: Sequence[int], classes: int) -> list[list[int]]:
    """How many rows of each true class (rows) were predicted as each class (columns).

    Raises:
        ValueError: no rows, unequal numbers of rows, or a class out of range.
    """
    _check_rows(labels, predicted)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (_classes(labels, classes), _classes(predicted, classes)), 1)
    found: list[list[int]] = counts.tolist()
    return found


def regression(targets: Sequence[float], predictions: Sequence[float]) -> dict[str, float]:
    """Pearson's and Spearman's correlation (scipy's), mean squared and mean absolute error.

    Numbers that are all alike correlate with nothing; then, and for a single row, both correlations are 0.0, so that a
    model that always says the same is scored as one that knows nothing.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    from scipy.stats import pearsonr, spearmanr

    _check_rows(targets, predictions)
    true, found = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    alike = np.ptp(true) == 0 or np.ptp(found) == 0
    return {
        "pearson": 0.0 if alike else float(pearsonr(true, found).statistic),
        "spearman": 0.0 if alike else float(spearmanr(true, found).statistic),
        "mse": float(np.square(found - true).mean()),
        "mae": float(np.abs(found - true).mean()),
    }


def _check_rows(truth: Sequence[Any], predicted: Sequence[Any]) -> None:
    if len(truth) == 0 or len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} labels against {len(predicted)} predictions")


def _classes(labels: Sequence[int], classes: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = np.asarray(labels, dtype=np.int64)
    if found.min() < 0 or found.max() >= classes:
        raise ValueError(f"classes {found.min()} to {found.max()} where there are {classes}")
    return found


def draw_confusion(matrix: Sequence[Sequence[int]], names: Sequence[str], path: Path) -> None:
    """Write a PNG of `confusion`'s counts, each with its share of the true class.

    Names are drawn in a font that has all their characters; where the machine has none, classes go by number.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = confusion_figure(matrix, names, font_covering("".join(names), (_usual_font(), *_korean_fonts())))
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png", dpi=min(120, _LONGEST_SIDE / max(figure.get_size_inches())))


def font_covering(text: str, fonts: Sequence[Path]) -> Path | None:
    """The first font file that has every character of `text`; None if no font does."""
    from matplotlib.ft2font import FT2Font

    wanted = {ord(character) for character in text}
    return next((font for font in fonts if wanted <= FT2Font(str(font)).get_charmap().keys()), None)


@cache
def _korean_fonts() -> tuple[Path, ...]:
    from matplotlib.font_manager import fontManager

    found = {font.name: Path(font.fname) for font in fontManager.ttflist if font.name in KOREAN_FONTS}
    return tuple(found[name] for name in KOREAN_FONTS if name in found)


def _usual_font() -> Path:
    from matplotlib.font_manager import findfont

    return Path(findfont("DejaVu Sans"))  # comes with matplotlib


def confusion_figure(matrix: Sequence[Sequence[int]], names: Sequence[str], font: Path | None) -> Any:
    """The picture as a matplotlib Figure.

    Args:
        matrix: [true class][predicted class].
        names: one per class, drawn with `font`.
        font: None draws numbers from 0 instead, and says so.
    """
    from matplotlib.figure import Figure

    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.8 * len(names)  # inches
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share > 0.5 else "black"
        cell = f"{counts[row, column]}\n{share:.0%}"
        axes.text(column, row, cell, ha="center", va="center", color=colour, fontsize=9)
    shown = [str(index) for index in range(len(names))] if font is None else names
    axes.set_xticks(range(len(names)), shown, rotation=45 if font else 0, font=font)
    axes.set_yticks(range(len(names)), shown, font=font)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if font is None:
        axes.set_title("classes by their number: no font here has all characters of their names", fontsize=7, wrap=True)
    return figure
