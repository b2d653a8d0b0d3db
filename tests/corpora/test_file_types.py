"""Formats: a file of another format is refused with a way to convert it that works."""

from __future__ import annotations

import gzip
import shlex
import subprocess
from pathlib import Path

import pytest

from corpora.reading import FORMATS, read_table
from tests.corpora.files import PAIR, refusal, write

TABLE = "a,b\n가,1\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("t.xlsx", ["unknown suffix '.xlsx'", "CSV UTF-8", "pip install openpyxl", "read_excel", "t.csv"]),
        ("t.arrow", ["unknown suffix '.arrow'", "to_parquet"]),
        ("t.csv.gz", ["unknown suffix '.gz'", "gunzip --keep"]),
        ("t.tab", ["copy it to", "t.tsv if tabs"]),
        ("t.pdf", ["unknown suffix '.pdf'", ", ".join(FORMATS)]),
    ],
)
def test_another_suffix_is_refused_with_a_conversion(tmp_path: Path, name: str, words: list[str]) -> None:
    """Not with "rename it", which would make a text file of a workbook."""
    message = refusal(write(tmp_path, name, "x"))
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"PK\x03\x04rest", ["is an Excel workbook or another zip file", "read_excel"]),
        ("t.csv", gzip.compress(TABLE.encode(), mtime=0), ["is packed by gzip", "gunzip --keep"]),
        ("t.json", b"PAR1rest", ["is a Parquet file", "give it that suffix: cp"]),
        ("t.parquet", TABLE.encode(), ["cannot be read as Parquet"]),
        ("t.parquet", b"PAR1rest", ["cannot be read as Parquet", "copy or write it again"]),
    ],
)
def test_content_that_its_suffix_denies_is_refused(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    """A renamed file is recognized by its first bytes."""
    message = refusal(write(tmp_path, name, content))
    assert all(word in message for word in words), message


def test_the_way_to_unpack_a_file_works(tmp_path: Path) -> None:
    """Also with blanks and quotes in the path."""
    packed = write(tmp_path, "내 파일's.csv.gz", gzip.compress(TABLE.encode(), mtime=0))
    command = refusal(packed).rpartition("unpack it: ")[2].strip()
    subprocess.run(shlex.split(command), check=True)
    assert read_table(packed.with_suffix(""), PAIR).rows == [{"text": "가", "label": "1"}]
