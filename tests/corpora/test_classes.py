"""Targets that cannot be classes are refused with the reason, and the classes are counted for the user."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from corpora.classes import class_counts
from corpora.splits import Layout, Splits, read_splits
from foundation.errors import UserError

LAYOUT = Layout({"source": "text", "target": "label"}, header=("label", "text"))


def read(path: Path, lines: list[str], layout: Layout = LAYOUT) -> Splits:
    """The splits of a file with these lines."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_splits(str(path), None, None, layout, seed=0, split_by=("source",), classes=True, split_version=2)


def rows(number: int) -> list[str]:
    """Rows of two classes, without a header line."""
    return [f"{('부정', '긍정')[row % 2]}\t문장 {row}" for row in range(number)]


def test_a_header_with_other_names_is_not_a_row(tmp_path: Path) -> None:
    """Its label would become a class; a first row of a class that occurs again is a row."""
    with pytest.raises(UserError) as caught:
        read(tmp_path / "a.tsv", ["라벨\t문장", *rows(40)])
    assert "'문장' with the label '라벨', but no other row has this label" in str(caught.value)
    assert "replace the first line by these names" in str(caught.value)
    assert len(read(tmp_path / "b.tsv", ["중립\t문장", *rows(40), "중립\t글"]).learnable) == 38


def test_a_rare_first_class_needs_a_header_line(tmp_path: Path) -> None:
    """The message says how a row that is one can stay: write the names above it."""
    splits = read(tmp_path / "a.tsv", ["label\ttext", "중립\t문장", *rows(40)])
    assert "중립" in {row["target"] for row in splits.train.rows}


@pytest.mark.parametrize(
    ("head", "layout", "todo"),
    [
        ([], LAYOUT, "--set 'columns.header=[text, label]'"),
        (["label\ttext"], replace(LAYOUT, header=()), "--set columns.source=label --set columns.target=text"),
    ],
)
def test_swapped_columns_are_named(tmp_path: Path, head: list[str], layout: Layout, todo: str) -> None:
    """As many labels as rows: the message says what is wrong, and its command reads the file."""
    swapped = ["\t".join(reversed(row.split("\t"))) for row in rows(40)]
    with pytest.raises(UserError) as caught:
        read(tmp_path / "a.tsv", [*head, *swapped], layout)
    assert "column 'label' has 40 different labels in 40 rows" in str(caught.value)
    assert "column 'text' has 2 different texts: they seem to be swapped" in str(caught.value)
    assert todo in str(caught.value)
    names = {"source": "label", "target": "text"}
    mended = replace(layout, header=("text", "label")) if layout.header else replace(layout, columns=names)
    assert {row["target"] for row in read(tmp_path / "a.tsv", [*head, *swapped], mended).learnable} == {"긍정", "부정"}


def test_a_label_of_its_own_in_every_row_is_refused(tmp_path: Path) -> None:
    """Such as a column of ids."""
    with pytest.raises(
        UserError, match=r"has 40 different labels in 40 rows\n.*that many rows share\n.*check the target"
    ):
        read(tmp_path / "a.tsv", [f"{row}\t문장 {row}" for row in range(40)])


def test_the_classes_are_counted() -> None:
    """The most frequent first; of many classes ten, and how rare the rarest is."""
    splits = {
        "train": [{"target": "긍정"}] * 3 + [{"target": "부정"}] * 1_200,
        "dev": [{"target": "긍정"}] * 2,
    }
    assert class_counts(splits) == "2 classes (train / dev): 부정 1,200 / 0, 긍정 3 / 2"
    many = {"train": [{"target": f"{label:02}"} for label in range(12) for _ in range(20 - label)]}
    assert class_counts(many).startswith("12 classes (train): 00 20, 01 19, ")
    assert class_counts(many).endswith("09 11, and 2 more (the rarest has 9 in train)")
