"""Parquet files, as datasets and pandas write them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from corpora.reading import read_table
from corpora.splits import Layout, read_split
from tests.corpora.files import PAIR, refusal


def parquet(folder: Path, **columns: object) -> Path:
    """A file with these columns."""
    path = folder / "t.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path)
    return path


def test_texts_numbers_and_booleans(tmp_path: Path) -> None:
    """Read as from JSON lines; other columns are not looked at."""
    path = parquet(tmp_path, a=["가", " 나 "], b=[1, 2], ok=[True, False], nested=[{"x": 1}, {"x": 2}])
    table = read_table(path, PAIR, {"target": "ok"})
    assert table.rows == [
        {"text": "가", "label": "1", "target": "true"},
        {"text": "나", "label": "2", "target": "false"},
    ]
    assert (table.columns, table.encoding, table.line_numbers) == (("a", "b", "ok", "nested"), "parquet", [1, 2])


def test_missing_values_are_broken_rows(tmp_path: Path) -> None:
    """None, and NaN of pandas; the message counts rows, since there are no lines."""
    message = refusal(parquet(tmp_path, a=["가", None, "다"], b=[1.0, 2.0, float("nan")]))
    assert "2 of 3 rows" in message
    assert "row 2: 'a' is empty" in message
    assert "row 3: 'b' is empty" in message


def test_categories_of_pandas_are_their_texts(tmp_path: Path) -> None:
    """A dictionary-encoded column."""
    path = parquet(tmp_path, a=["가", "나"], b=pa.array(["긍정", "부정"]).dictionary_encode())
    assert [row["label"] for row in read_table(path, PAIR).rows] == ["긍정", "부정"]


@pytest.mark.parametrize("header", [(), ("b", "a")])
def test_a_missing_column_is_named(tmp_path: Path, header: tuple[str, ...]) -> None:
    """Parquet has names of its own; those of the settings for files without a header line are ignored."""
    path = parquet(tmp_path, a=["가"], label=[1])
    assert "has no column 'b'" in refusal(path, header=header)
    layout = Layout({"source": "a", "target": "label"}, header=("label", "a"))
    assert read_split(str(path), layout).header == ()
