"""Tables of predictions: formats, hostile cells, files that exist."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from corpora.reading import read_table
from delivery.inference.tables import check_table, write_table
from foundation.errors import UserError

NAMES = ["id", "source", "score"]
#: What breaks a reader, or what a spreadsheet would compute.
HOSTILE = [
    "=1+1",
    "@SUM(A1)",
    "첫 줄\n둘째 줄",
    "a\rb",
    "a\r\nb",
    'er sagt "ja"',
    '"',
    "a,b",
    "a\tb",
    "",
    "\u2028",
    "가",
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt"])
def test_every_cell_is_read_back(suffix: str, tmp_path: Path) -> None:
    """A carriage return, too, which the csv module writes without quotes. None is an empty cell."""
    path = tmp_path / f"out{suffix}"
    write_table(path, NAMES, [[str(number), text, None] for number, text in enumerate(HOSTILE)])
    delimiter = "," if suffix == ".csv" else "\t"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    assert rows == [NAMES, *([str(number), text, ""] for number, text in enumerate(HOSTILE))]


def test_json_lines(tmp_path: Path) -> None:
    """An object per line; kotune reads the file."""
    write_table(tmp_path / "out.jsonl", NAMES, [["a", "가\n나", 0.5], ["b", "다", None]])
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "a", "source": "가\n나", "score": 0.5},
        {"id": "b", "source": "다", "score": None},
    ]
    assert read_table(tmp_path / "out.jsonl", {"source": "source"}).rows[0]["source"] == "가\n나"


def test_a_file_is_not_replaced_without_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file that is read is never replaced, under no name; another one is, and this is said."""
    data, old, new = tmp_path / "data.csv", tmp_path / "old.csv", tmp_path / "new.csv"
    for path in (data, old):
        path.write_text("x")
    check_table("--out", new, [data])
    assert capsys.readouterr().err == ""
    check_table("--out", old, [data])
    assert capsys.readouterr().err == f"--out {old} exists and will be replaced\n"
    (tmp_path / "link.csv").symlink_to(data)
    for name in (data, tmp_path / "link.csv"):
        with pytest.raises(UserError, match="is the file that is read"):
            check_table("--out", name, [data])


@pytest.mark.parametrize("name", ["out.xlsx", "out.parquet", "out.json", "out"])
def test_other_formats_are_refused(name: str, tmp_path: Path) -> None:
    """A table of commas in a file named .xlsx opens nowhere."""
    with pytest.raises(UserError, match="no format of the suffix") as caught:
        check_table("--out", tmp_path / name, [tmp_path / "data.csv"])
    assert caught.value.allowed == ".csv, .tsv, .txt, .jsonl"
    assert caught.value.todo == f"--out {tmp_path / 'out.csv'}"
