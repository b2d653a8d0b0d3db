"""Tables: made once per key, whole or not at all, read from the disk's pages."""

import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from corpora.tokenised import cached, open_table, values

COLUMNS = {"input_ids": [[1, 2], [3]], "id": ["a", "b"]}


class Maker:
    """Counts how often it is asked."""

    def __init__(self, columns: Mapping[str, Sequence[object]] = COLUMNS) -> None:
        self.columns, self.calls = columns, 0

    def __call__(self) -> Mapping[str, Sequence[object]]:
        self.calls += 1
        return self.columns


def test_a_table_holds_what_was_made(tmp_path: Path) -> None:
    """Column by column, under its key, in a folder that is made with its parents."""
    folder = cached(tmp_path / "cache" / "tables", "0f", Maker())
    assert folder == tmp_path / "cache" / "tables" / "0f"
    assert open_table(folder).to_dict() == COLUMNS


def test_a_table_is_made_once(tmp_path: Path) -> None:
    """Asked again by its key, it is not made again; another key is another table."""
    make, other = Maker(), Maker({"id": ["c"]})
    assert cached(tmp_path, "0f", make) == cached(tmp_path, "0f", make)
    assert make.calls == 1
    assert open_table(cached(tmp_path, "1f", other)).to_dict() == {"id": ["c"]}
    assert open_table(tmp_path / "0f").to_dict() == COLUMNS


def test_a_table_is_read_from_the_disk(tmp_path: Path) -> None:
    """Memory-mapped: its file is known, where a table in memory has none."""
    files = open_table(str(cached(tmp_path, "0f", Maker()))).cache_files
    assert [Path(file["filename"]).parent for file in files] == [tmp_path / "0f"]


def test_a_table_that_cannot_be_made_is_not_there(tmp_path: Path) -> None:
    """The error goes to the caller, and the next one makes it."""

    def broken() -> Mapping[str, Sequence[object]]:
        raise ValueError("a row too long")

    with pytest.raises(ValueError, match="a row too long"):
        cached(tmp_path, "0f", broken)
    assert not (tmp_path / "0f").exists()
    assert open_table(cached(tmp_path, "0f", Maker())).num_rows == 2


def test_a_table_whose_writing_fails_is_not_there(tmp_path: Path) -> None:
    """Columns of unequal length are seen late, when the table is put together."""
    with pytest.raises(Exception, match="length"):
        cached(tmp_path, "0f", Maker({"id": ["a", "b"], "labels": [[1]]}))
    assert not (tmp_path / "0f").exists()


def test_what_a_crash_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """Half a table of this very process number, and the lock of a process that is gone."""
    left = tmp_path / f".0f.{os.getpid()}.tmp"
    left.mkdir()
    (left / "state.json").write_text("{")
    (tmp_path / ".0f.lock").touch()
    assert open_table(cached(tmp_path, "0f", Maker())).to_dict() == COLUMNS
    assert not left.exists()


def test_several_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    """The others wait for the first and find the table."""
    make, folders = Maker(), list[Path]()

    def slowly() -> Mapping[str, Sequence[object]]:
        time.sleep(0.1)
        return make()

    threads = [threading.Thread(target=lambda: folders.append(cached(tmp_path, "0f", slowly))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folders == [tmp_path / "0f"] * 3
    assert make.calls == 1


def test_columns_are_read_whole(tmp_path: Path) -> None:
    """Of a table, also of one whose rows were chosen, and of a plain mapping."""
    table = open_table(cached(tmp_path, "0f", lambda: {"length": [5, 6, 7]}))
    assert values(table, "length") == values({"length": (5, 6, 7)}, "length") == [5, 6, 7]
    assert values(table.select([2, 0]), "length") == [7, 5]
