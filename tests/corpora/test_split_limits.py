"""Limits of the splits: the size of dev, rows that are skipped, and files with other layouts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from corpora import splits as corpora_splits
from corpora.splits import Layout, read_split
from foundation.errors import UserError
from search_spaces.choices import SPLIT_VERSION, BrokenRows, Quoting

COLUMNS = {"source": "text", "target": "label"}
SKIP = Layout(COLUMNS, broken=BrokenRows.SKIP)

read_splits = partial(corpora_splits.read_splits, split_version=SPLIT_VERSION)


def write(path: Path, lines: list[str]) -> str:
    """Writes the lines to a file and returns its path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(("dev", "accepted"), [(4, False), (5, True), (25, True), (26, False)])
def test_dev_is_between_half_and_twice_the_requested_size(tmp_path: Path, dev: int, accepted: bool) -> None:
    """A tenth of 120 rows is 12: from 12/2 - 1 = 5 to 2·12 + 1 = 25 rows. Two targets give two groups: dev is one."""
    labels = ["가"] * dev + ["나"] * (120 - dev)
    train = write(tmp_path / "train.csv", ["text,label", *(f"글 {row},{label}" for row, label in enumerate(labels))])
    if accepted:
        splits = read_splits(train, None, None, Layout(COLUMNS), seed=0, split_by=("target",))
        assert (len(splits.dev.rows), len(splits.train.rows)) == (dev, 120 - dev)
    else:
        with pytest.raises(UserError, match=f"{dev} ") as caught:
            read_splits(train, None, None, Layout(COLUMNS), seed=0, split_by=("target",))
        assert "12" in caught.value.allowed
        assert "--dev FILE" in caught.value.todo


def test_a_file_that_cannot_be_split_is_named(tmp_path: Path) -> None:
    """The message of the cut keeps its three parts; the file comes first."""
    train = write(tmp_path / "train.csv", ["text,label", "하나,가", "둘,가"])
    with pytest.raises(UserError) as caught:
        read_splits(train, None, None, Layout(COLUMNS), seed=0, split_by=("source", "target"))
    assert caught.value.problem.startswith(f"{train}: ")
    assert "two groups" in caught.value.allowed
    assert "correct_labels" in caught.value.todo


@pytest.mark.parametrize(("broken", "more"), [(3, ""), (4, " and 1 more"), (1_003, " and 1,000 more")])
def test_skipped_rows_are_reported_per_file(tmp_path: Path, broken: int, more: str) -> None:
    """Rows without a label in lines 2, 3, 4 and after: the first three are listed, the others are counted."""
    lines = ["text,label", *["글,"] * broken]
    names = ("train", "dev", "test")
    files = [write(tmp_path / f"{name}.csv", [*lines, *(f"{name} {row},가" for row in range(6))]) for name in names]
    splits = read_splits(*files, SKIP, seed=0, split_by=("source",))
    reported = [remark for remark in splits.remarks if "line 2" in remark]
    assert [remark.split(":")[0] for remark in reported] == list(names)
    for remark in reported:
        assert f"{broken:,} of {broken + 6:,} rows" in remark
        assert "), line 3 (" in remark
        assert "), line 4 (" in remark
        assert "line 5" not in remark
        assert remark.endswith(more or ")")
    assert list(splits.described()) == list(names)


def test_skipped_rows_belong_to_train(tmp_path: Path) -> None:
    """Dev that is cut from train reports none of them a second time."""
    train = write(tmp_path / "train.csv", ["text,label", "글,", *(f"글 {row},{row}" for row in range(20))])
    splits = read_splits(train, None, None, SKIP, seed=0, split_by=("target",))
    assert len(splits.train.refused) == 1
    assert splits.dev.refused == ()
    assert read_split(train, SKIP).refused == splits.train.refused


def test_broken_rows_stop_by_default(tmp_path: Path) -> None:
    """The message names the line."""
    with pytest.raises(UserError, match="line 3"):
        read_split(write(tmp_path / "a.csv", ["text,label", "글,가", "글,"]), Layout(COLUMNS))


def test_a_file_without_a_header_line(tmp_path: Path) -> None:
    """The layout names its columns."""
    layout = Layout(COLUMNS, header=("label", "text"))
    (row,) = read_split(write(tmp_path / "a.tsv", ["가\t글"]), layout).rows
    assert row == {"id": "1", "source": "글", "target": "가"}


def test_quoting_is_that_of_the_layout(tmp_path: Path) -> None:
    """With `none`, a quotation mark is text; JSON lines have their own quoting, whatever the layout says."""
    layout = replace(Layout(COLUMNS), quoting=Quoting.NONE)
    assert read_split(write(tmp_path / "a.csv", ["text,label", '"열린,가']), layout).rows[0]["source"] == '"열린'
    for name in ("a.jsonl", "a.JSONL"):
        (row,) = read_split(write(tmp_path / name, ['{"text": "글", "label": "가"}']), layout).rows
        assert row["source"] == "글"


def test_a_file_to_predict_needs_no_targets(tmp_path: Path) -> None:
    """If it has some, they are read; a column of ids is optional as well."""
    layout = Layout({**COLUMNS, "id": "name"})
    without = write(tmp_path / "without.csv", ["text", "글"])
    assert read_split(without, layout, targets=False).rows == [{"id": "1", "source": "글"}]
    partly = write(tmp_path / "partly.csv", ["text,label,name", "글,가,a", "글,,b"])
    rows = read_split(partly, layout, targets=False).rows
    assert [row["id"] for row in rows] == ["a", "b"]
    assert [row.get("target") or None for row in rows] == ["가", None]
    with pytest.raises(UserError, match="label"):
        read_split(without, layout)


def test_labels_without_a_word_are_counted_and_the_first_five_listed(tmp_path: Path) -> None:
    """Six unknown labels, the most frequent first."""
    rows = [f"글,{label}" for label in range(6) for _ in range(7 - label)]
    layout = replace(Layout(COLUMNS), labels={"x": "부정"})
    with pytest.raises(UserError) as caught:
        read_split(write(tmp_path / "a.csv", ["text,label", *rows]), layout)
    listed = ", ".join(f"'{label}' ({7 - label} times)" for label in range(5))
    assert caught.value.problem.endswith(listed)
    assert caught.value.allowed == "x"
