"""The confusion matrix: counts, and a picture that shows Hangul or says that it cannot."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from matplotlib import get_data_path

from trainables.tasks import confusion
from trainables.tasks.confusion import ConfusionMatrix, font_covering

NAMES = ("긍정", "부정", "중립")
FONTS = Path(get_data_path()) / "fonts" / "ttf"


def test_confusions_are_counted() -> None:
    """Rows are true classes, columns are predictions."""
    assert ConfusionMatrix.count(NAMES, [0, 0, 1, 2, 2], [0, 1, 1, 0, 0]).counts == ((1, 1, 0), (0, 1, 0), (2, 0, 0))
    with pytest.raises(ValueError, match="classes 0 to 3 where there are 3"):
        ConfusionMatrix.count(NAMES, [0, 1], [0, 3])
    with pytest.raises(ValueError, match="1 labels against 2 predictions"):
        ConfusionMatrix.count(NAMES, [0], [0, 1])


def test_a_font_must_have_every_character() -> None:
    """The first font that has all of them; Computer Modern has no Greek letters, and neither font has Hangul."""
    fonts = [FONTS / "cmr10.ttf", FONTS / "DejaVuSans.ttf"]
    assert font_covering("abc", fonts) == fonts[0]
    assert font_covering("αβγ", fonts) == fonts[1]
    assert font_covering("긍정", fonts) is None


def test_cells_show_counts_and_shares() -> None:
    """Shares are of the true class; a class without rows has 0 %; both axes have the names."""
    figure = ConfusionMatrix(("yes", "no"), ((1, 3), (0, 0))).figure(FONTS / "DejaVuSans.ttf")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1\n25%", "3\n75%", "0\n0%", "0\n0%"]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["yes", "no"]
    assert axes.get_title() == ""


def test_without_a_font_classes_are_numbers() -> None:
    """The title states it."""
    axes = ConfusionMatrix(NAMES[:2], ((1, 0), (0, 1))).figure(None).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1"]
    assert "by number" in axes.get_title()


@pytest.mark.parametrize("fonts", ["this machine's", "none"])
def test_a_picture_draws_every_character(fonts: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib warns of each character that it cannot draw; with Korean names there is no warning."""
    if fonts == "none":
        monkeypatch.setattr(confusion, "_korean_fonts", lambda: ())
        monkeypatch.setattr(confusion, "_other_fonts", lambda: iter(()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        key = ConfusionMatrix(NAMES, ((5, 1, 0), (2, 3, 0), (0, 0, 0))).draw(tmp_path / "confusion.png")
    assert fonts != "none" or "classes by number" in key
    assert not key or ": 0 = 긍정, 1 = 부정, 2 = 중립; for names, install one, such as the package fonts-nanum" in key
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_any_font_of_the_machine_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its family; a file that is no font is passed over."""
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(confusion, "_default_font", lambda: FONTS / "cmr10.ttf")
    monkeypatch.setattr(confusion, "_korean_fonts", lambda: ())
    monkeypatch.setattr(confusion, "_other_fonts", lambda: iter([tmp_path / "broken.ttf", FONTS / "DejaVuSans.ttf"]))
    assert ConfusionMatrix(("α", "β"), ((1, 0), (0, 1))).draw(tmp_path / "confusion.png") == ""
