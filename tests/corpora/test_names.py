"""Texts and names as they are compared and shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpora.names import clean, drawn, is_visible
from corpora.reading import read_table
from foundation.errors import UserError


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (" \ufeff 가\u1161\u200b \n", "가\u1161"),
        ("\u1100\u1161", "가"),  # macOS decomposes Hangul
        ("\u3164ㅤ", ""),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("\x01a\x01", "\x01a\x01"),
    ],
)
def test_marks_are_removed_from_the_ends_only(text: str, cleaned: str) -> None:
    """Emoji consist of several characters; control characters are part of damaged texts, which stay as they are."""
    assert clean(text) == cleaned


def test_what_is_drawn() -> None:
    """Letters, emoji and punctuation are; control and formatting characters, fillers and whitespace are not."""
    assert not is_visible("\x01\u200d\u3164 \t\u2800\ufeff")
    assert all(map(is_visible, ("가", ".", "❤\ufe0f", "\u200d1")))
    assert drawn("\ufeff매우\u00a0 긍\u200b정\x7f") == "매우 긍정"


def test_marks_between_the_parts_of_a_joined_file_are_no_text(tmp_path: Path) -> None:
    """The mark of the byte order stands before the first label of every part."""
    path = tmp_path / "joined.tsv"
    path.write_text("".join(f"\ufeff긍정\t좋아요 {part}\n부정\t싫어요\n" for part in range(3)), encoding="utf-8")
    rows = read_table(path, {"source": "text", "target": "label"}, header=("label", "text")).rows
    assert [row["target"] for row in rows] == ["긍정", "부정"] * 3


@pytest.mark.parametrize("text", ["\ufeff", "\u3164\u200b", "\x01\u200d", "\x7f"])
def test_a_text_of_which_nothing_is_drawn_is_refused(text: str, tmp_path: Path) -> None:
    """It would be learned as a text."""
    path = tmp_path / "t.csv"
    path.write_text(f"text,label\n{text},1\n글,2\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 2: 'text' (is empty|has only invisible characters)"):
        read_table(path, {"source": "text", "target": "label"})
