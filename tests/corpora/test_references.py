"""Several targets of one row, in the columns that a file has."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpora.references import targets_of
from corpora.splits import Layout, read_split
from foundation.errors import UserError
from search_spaces.choices import BrokenRows

COLUMNS = {"id": "fname", "source": "dialogue", "target": "summary"}
LAYOUT = Layout(COLUMNS, targets=("summary", "summary1", "summary2"))


def write(folder: Path, *lines: str) -> str:
    """A file with these lines."""
    path = folder / "t.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_a_file_uses_the_target_columns_that_it_has(tmp_path: Path) -> None:
    """Train has one summary, test has two under other names; a row may have fewer than the others."""
    train = read_split(write(tmp_path, "fname,dialogue,summary", "1,가,나"), LAYOUT)
    assert train.rows == [{"id": "1", "source": "가", "target": "나"}]
    path = write(tmp_path, "fname,dialogue,summary1,summary2", "1,가,나,다", "2,라,,마")
    test = read_split(path, LAYOUT)
    assert [targets_of(row) for row in test.rows] == [["나", "다"], ["마"]]
    assert test.rows[0] == {"id": "1", "source": "가", "target": "나", "target_2": "다"}


def test_a_row_without_any_target_is_refused(tmp_path: Path) -> None:
    """With all other broken rows, or skipped; prediction needs none. A mark that is not drawn is no text."""
    path = write(tmp_path, "dialogue,summary1,summary2", "가,나,다", "라,,", "마,\u200b,바", "사,\u200b,", ",나,")
    with pytest.raises(UserError) as caught:
        read_split(path, LAYOUT)
    assert caught.value.problem.splitlines() == [
        f"{path}: 3 of 5 rows cannot be used, so the file was not read",
        "    line 3: 'summary1', 'summary2' have no text",
        "    line 5: 'summary1', 'summary2' have no text",
        "    line 6: 'dialogue' is empty",
    ]
    assert caught.value.allowed.endswith("text in 'dialogue' and in one of 'summary', 'summary1', 'summary2'")
    skipped = read_split(path, Layout(COLUMNS, broken=BrokenRows.SKIP, targets=LAYOUT.targets))
    assert [(row["id"], targets_of(row)) for row in skipped.rows] == [("1", ["나", "다"]), ("3", ["바"])]
    assert [row.line for row in skipped.refused] == [3, 5, 6]
    assert len(read_split(write(tmp_path, "dialogue,summary1", "가,나", "라,"), LAYOUT, targets=False).rows) == 2


def test_a_file_without_any_target_column_is_refused(tmp_path: Path) -> None:
    """The message lists the columns of both sides."""
    path = write(tmp_path, "dialogue,gist", "가,나")
    with pytest.raises(UserError) as caught:
        read_split(path, LAYOUT)
    assert caught.value.problem == f"{path} has no column 'summary' or 'summary1' or 'summary2' for 'target'"
    assert caught.value.allowed == "the columns of the file: 'dialogue', 'gist'"
    assert read_split(path, LAYOUT, targets=False).rows == [{"id": "1", "source": "가"}]
