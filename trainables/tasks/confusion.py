"""The confusion matrix of a classifier: counts per true and predicted class, and their picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from foundation.durable import new_file

#: Font families with Hangul that Linux, Windows and macOS ship.
KOREAN_FONTS = (
    "NanumGothic",
    "NanumBarunGothic",
    "NanumSquare",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Noto Sans CJK JP",  # the family name of the one file that holds all CJK scripts
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "AppleGothic",
)

_LONGEST_SIDE = 12_000  # pixels


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of predictions per true class.

    Args:
        labels: one name per class.
        counts: [true class][predicted class], in the order of `labels`.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def count(cls, labels: Sequence[str], truth: Sequence[int], predicted: Sequence[int]) -> Self:
        """Counts how many rows of each true class were predicted as each class.

        Raises:
            ValueError: no rows, unequal numbers of rows, or a class that is out of range.
        """
        if len(truth) == 0 or len(truth) != len(predicted):
            raise ValueError(f"{len(truth)} labels against {len(predicted)} predictions")
        counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
        np.add.at(counts, (class_array(truth, len(labels)), class_array(predicted, len(labels))), 1)
        return cls(tuple(labels), tuple(map(tuple, counts.tolist())))

    def draw(self, path: Path) -> str:
        """Writes a PNG of the counts, atomically, each with its share of the true class.

        The labels are drawn in a font that has all their characters. If the machine has none, the classes are drawn as
        numbers.

        Returns:
            The key of these numbers, for the user; empty if the picture has the names.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        font = font_covering("".join(self.labels), chain((_default_font(),), _korean_fonts(), _other_fonts()))
        figure = self.figure(font)
        FigureCanvasAgg(figure)
        with new_file(path) as file:
            figure.savefig(file.buffer, format="png", dpi=min(120, _LONGEST_SIDE / max(figure.get_size_inches())))
        if font is not None:
            return ""
        key = ", ".join(f"{number} = {label}" for number, label in enumerate(self.labels))
        todo = "for names, install one, such as the package fonts-nanum"
        return f"{path} shows classes by number, because no installed font has all their characters: {key}; {todo}"

    def figure(self, font: Path | None) -> Any:
        """Returns the picture as a matplotlib Figure.

        Args:
            font: the font file of the labels; None draws class numbers from 0 and says so in the title.
        """
        from matplotlib.figure import Figure

        counts = np.asarray(self.counts)
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        side = 2.5 + 0.8 * len(self.labels)  # inches
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.5 else "black"
            cell = f"{counts[row, column]}\n{share:.0%}"
            axes.text(column, row, cell, ha="center", va="center", color=colour, fontsize=9)
        ticks = [str(index) for index in range(len(self.labels))] if font is None else self.labels
        axes.set_xticks(range(len(self.labels)), ticks, rotation=45 if font else 0, font=font)
        axes.set_yticks(range(len(self.labels)), ticks, font=font)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        if font is None:
            title = "classes by number: no installed font has all characters of their names"
            axes.set_title(title, fontsize=7, wrap=True)
        return figure


def class_array(labels: Sequence[int], classes: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Returns class numbers as an array [rows].

    Raises:
        ValueError: a number is out of range.
    """
    array = np.asarray(labels, dtype=np.int64)
    if array.min() < 0 or array.max() >= classes:
        raise ValueError(f"classes {array.min()} to {array.max()} where there are {classes}")
    return array


def font_covering(text: str, fonts: Iterable[Path]) -> Path | None:
    """Returns the first font file that has every character of `text`, or None."""
    characters = {ord(character) for character in text}
    return next((font for font in fonts if characters <= _characters_of(font)), None)


def _characters_of(font: Path) -> Set[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return FT2Font(str(font)).get_charmap().keys()
    except (OSError, RuntimeError):  # a font of pixels, or a damaged file
        return set()


@cache
def _korean_fonts() -> tuple[Path, ...]:
    from matplotlib.font_manager import fontManager

    installed = {font.name: Path(font.fname) for font in fontManager.ttflist if font.name in KOREAN_FONTS}
    return tuple(installed[name] for name in KOREAN_FONTS if name in installed)


def _other_fonts() -> Iterator[Path]:
    """Yields all fonts of the machine, also those that were installed after matplotlib made its list."""
    from matplotlib.font_manager import findSystemFonts

    yield from sorted(map(Path, findSystemFonts()))


def _default_font() -> Path:
    from matplotlib.font_manager import findfont

    return Path(findfont("DejaVu Sans"))  # part of matplotlib
