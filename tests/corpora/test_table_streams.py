"""Streams of rows: the same rows and messages as of the whole table, in bounded memory."""

from __future__ import annotations

import csv
import json
import os
import tracemalloc
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from corpora import lines
from corpora.reading import read_table
from corpora.splits import Layout, read_numbered
from corpora.table_rows import Refused
from corpora.table_streams import SplitStream, TableStream
from foundation.errors import UserError
from search_spaces.choices import BrokenRows
from tests.corpora.files import PAIR, write

BROKEN = {
    "blank lines": ("t.tsv", "a\tb\n가\t1\n\n \t\n나\t2\n\n\t\n \n"),
    "quoted": ("t.tsv", 'a\tb\n"가\t나"\t1\n"다"\t2\n'),
    "classic Mac": ("t.tsv", "a\tb\r가\t1\r나\t2\r\r"),
    "never closed": ("t.csv", 'a,b\n가,1\n"나,2\n다,3\n\n\n'),
    "in quotation marks": ("t.csv", 'a,b\n"가\n나",1\n,2\n"다"x,3\n라,4\n"",\n'),
    "short rows": ("t.csv", "a,b\n" + "가\n" * 30 + "나,1\n"),
    "CP949": ("t.csv", "a,b\n내일 오전 아홉 시까지,1\n회의실로 와 주세요,2\n".encode("cp949")),
    "UTF-16": ("t.tsv", "a\tb\n가\t1\n나\t\n".encode("utf-16")),
    "invalid bytes": ("t.csv", b"a,b\n\xea\xb0\x80,1\n\xff,2\n"),
    "an unknown column": ("t.csv", "a,c\n가,1\n"),
    "no rows": ("t.csv", "a,b\n\n\n"),
    "JSON": ("t.jsonl", '{"a": "가", "b": 1}\n\n{"a": ["나"], "b": 2}\n{"a": "다", "b": true}\n{"a": 1\n\n \n'),
    "JSON without a column": ("t.jsonl", '{"a": "가"}\n{"c": "나"}\n'),
    "an array": ("t.json", '[{"a": "가", "b": 1},\n {"a": "", "b": 2}]'),
    "lines in .json": ("t.json", '{"a": "가", "b": 1}\n{"a": "나", "b": 2}\n'),
    "blank": ("t.csv", "\n\n"),
}


@pytest.mark.parametrize("broken", BrokenRows)
@pytest.mark.parametrize("name", BROKEN)
def test_a_stream_has_the_rows_and_the_message_of_the_table(name: str, broken: BrokenRows, tmp_path: Path) -> None:
    """Whatever is wrong with the file, and twice."""
    path = write(tmp_path, *BROKEN[name])
    message, optional = "", {"id": "x", "note": "c"}
    try:
        table = read_table(path, PAIR, optional, broken=broken)
    except UserError as error:
        message = str(error)
    if message:
        with pytest.raises(UserError) as caught:
            TableStream(path, PAIR, optional, broken=broken)
        assert str(caught.value) == message
        return
    stream = TableStream(path, PAIR, optional, broken=broken)
    assert (stream.rows, stream.sha256) == (len(table.rows), table.sha256)
    for _ in range(2):
        entries = list(stream)
        assert [entry for entry in entries if isinstance(entry, Refused)] == table.refused
        rows = [entry for entry in entries if not isinstance(entry, Refused)]
        assert rows == list(zip(table.line_numbers, table.rows, strict=True))


def test_the_rows_of_a_split(tmp_path: Path) -> None:
    """Ids and several targets are those of the split that is read as a whole."""
    layout = Layout({"id": "id", "source": "a", "target": "b"}, broken=BrokenRows.SKIP, targets=("b", "c"))
    path = write(tmp_path, "t.csv", "id,a,b,c\nx,가,,1\n,나,2,\ny,,3,\n,다,,\n")
    split, numbers = read_numbered(str(path), layout, targets=False)
    stream = SplitStream(str(path), layout)
    assert [entry for entry in stream if not isinstance(entry, Refused)] == list(zip(numbers, split.rows, strict=True))
    assert (stream.path, stream.sha256, stream.rows) == (split.path, split.sha256, 3)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_the_memory_of_a_stream_does_not_grow(suffix: str, tmp_path: Path) -> None:
    """Four times as many rows need no more than 1.2 times the memory, and half a megabyte."""
    peaks = []
    for rows in (2_500, 10_000):
        path = tmp_path / f"{rows}{suffix}"
        columns = {"a": [f"{'가' * 40} {row}" for row in range(rows)], "b": ["1"] * rows}
        if suffix == ".parquet":
            parquet.write_table(pyarrow.table(columns), path, row_group_size=300)
        elif suffix == ".jsonl":
            path.write_text("".join(json.dumps({"a": text, "b": "1"}) + "\n" for text in columns["a"]))
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                csv.writer(file, delimiter="," if suffix == ".csv" else "\t").writerows(
                    [["a", "b"], *zip(*columns.values(), strict=True)]
                )
        for _ in TableStream(path, PAIR, {}):  # imports
            break
        tracemalloc.start()
        assert sum(1 for _ in TableStream(path, PAIR, {})) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] <= 1.2 * peaks[0] + 500_000, peaks


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl"])
def test_a_line_without_end_is_a_broken_row(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rest is not read into memory, and the rows around it are usable."""
    for module in ("corpora.lines", "corpora.records"):
        monkeypatch.setattr(f"{module}.LONGEST", 200_000)
    comma = {".csv": ",", ".tsv": "\t"}.get(name[1:], "")
    rows = [("가", "1"), ("나" * 300_000, "2"), ("다", "3"), ("라", "4" * 200_000), ("마", "5")]
    if name == "t.jsonl":
        content = "".join(json.dumps({"a": text, "b": label}, ensure_ascii=False) + "\n" for text, label in rows)
    else:
        comma = "," if name == "t.csv" else "\t"
        content = f"a{comma}b\n" + "".join(f"{text}{comma}{label}\n" for text, label in rows)
    table = read_table(write(tmp_path, name, content), PAIR, broken=BrokenRows.SKIP)
    assert [row["label"] for row in table.rows] == ["1", "3", "5"]
    assert [row.reason for row in table.refused] == ["longer than 200,000 characters"] * 2
    first = 2 if name == "t.jsonl" else 3
    assert [row.line for row in table.refused] == [first, first + 2]


def test_a_quotation_mark_that_is_never_closed_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The field ends at the limit; the message says what swallows the lines."""
    for module in ("corpora.lines", "corpora.records"):
        monkeypatch.setattr(f"{module}.LONGEST", 200_000)
    path = write(tmp_path, "t.csv", 'a,b\n"가,1\n' + f"{'나' * 99_999},2\n" * 4)
    with pytest.raises(UserError, match="line 2: a quotation mark swallows more than 200,000 characters, up to line 4"):
        TableStream(path, PAIR, {})


def test_long_texts_can_be_refused(tmp_path: Path) -> None:
    """The limit is the caller's."""
    path = write(tmp_path, "t.tsv", "a\tb\n가나다\t1\n가나다라\t2\n")
    with pytest.raises(UserError, match="line 3: 'a' has 4 characters, and 3 are allowed"):
        TableStream(path, PAIR, {}, longest=3)
    assert TableStream(path, PAIR, {}, longest=4).rows == 2


def test_a_file_that_changes_between_two_readings_is_refused(tmp_path: Path) -> None:
    """Its rows would be those of no file."""
    path = write(tmp_path, "t.tsv", "a\tb\n가\t1\n나\t2\n")
    stream = TableStream(path, PAIR, {})
    os.utime(path, (1, 1))
    with pytest.raises(UserError, match="was changed while it was read"):
        list(stream)


def test_streams_of_two_files_can_be_read_together(tmp_path: Path) -> None:
    """The limit of csv is not held while rows are used."""
    path = write(tmp_path, "t.csv", "a,b\n" + "가,1\n" * 1_000)
    one, other = TableStream(path, PAIR, {}), TableStream(path, PAIR, {})
    assert sum(1 for _ in zip(one, other, strict=True)) == 1_000
    assert csv.field_size_limit() < lines.LONGEST
