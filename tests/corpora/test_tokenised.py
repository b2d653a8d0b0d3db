"""Tables: made once per key, atomically, and read memory-mapped."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from corpora.tokenised import cached, is_intact, open_table, values
from foundation import durable

COLUMNS = {"input_ids": [[1, 2], [3]], "id": ["a", "b"]}


class Maker:
    """Counts its calls."""

    def __init__(self, columns: Mapping[str, Sequence[object]] = COLUMNS) -> None:
        self.columns, self.calls = columns, 0

    def __call__(self) -> Mapping[str, Sequence[object]]:
        self.calls += 1
        return self.columns


def test_a_table_has_the_columns_of_make(tmp_path: Path) -> None:
    """In a folder with its key as name, which is created with its parents."""
    folder = cached(tmp_path / "cache" / "tables", "0f", Maker())
    assert folder == tmp_path / "cache" / "tables" / "0f"
    assert open_table(folder).to_dict() == COLUMNS


def test_a_table_is_made_once(tmp_path: Path) -> None:
    """A second call with the same key does not make it again; another key is another table."""
    make, other = Maker(), Maker({"id": ["c"]})
    assert cached(tmp_path, "0f", make) == cached(tmp_path, "0f", make)
    assert make.calls == 1
    assert open_table(cached(tmp_path, "1f", other)).to_dict() == {"id": ["c"]}
    assert open_table(tmp_path / "0f").to_dict() == COLUMNS


def test_a_table_is_memory_mapped(tmp_path: Path) -> None:
    """It has a file, unlike a table in memory."""
    files = open_table(str(cached(tmp_path, "0f", Maker()))).cache_files
    assert [Path(file["filename"]).parent for file in files] == [tmp_path / "0f"]


def test_a_table_that_cannot_be_made_does_not_exist(tmp_path: Path) -> None:
    """The caller gets the exception, and the next call makes the table."""

    def broken() -> Mapping[str, Sequence[object]]:
        raise ValueError("a row too long")

    with pytest.raises(ValueError, match="a row too long"):
        cached(tmp_path, "0f", broken)
    assert not (tmp_path / "0f").exists()
    assert open_table(cached(tmp_path, "0f", Maker())).num_rows == 2


def test_a_table_that_cannot_be_written_does_not_exist(tmp_path: Path) -> None:
    """Columns of different lengths fail late, when the table is built."""
    with pytest.raises(Exception, match="length"):
        cached(tmp_path, "0f", Maker({"id": ["a", "b"], "labels": [[1]]}))
    assert not (tmp_path / "0f").exists()


def test_leftovers_of_a_crash_do_not_matter(tmp_path: Path) -> None:
    """An incomplete table of the same process id, and the lock of a dead process."""
    leftover = durable._beside(tmp_path / "0f")
    leftover.mkdir()
    (leftover / "state.json").write_text("{")
    (tmp_path / ".0f.lock").touch()
    assert open_table(cached(tmp_path, "0f", Maker())).to_dict() == COLUMNS
    assert not leftover.exists()


def test_concurrent_calls_make_a_table_once(tmp_path: Path) -> None:
    """The others wait for the first."""
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


def test_columns_are_read_as_lists(tmp_path: Path) -> None:
    """Of a table, of selected rows of a table, and of a mapping."""
    table = open_table(cached(tmp_path, "0f", lambda: {"length": [5, 6, 7]}))
    assert values(table, "length") == values({"length": (5, 6, 7)}, "length") == [5, 6, 7]
    assert values(table.select([2, 0]), "length") == [7, 5]


def test_a_damaged_table_is_made_again(tmp_path: Path) -> None:
    """Its files have checksums. A table of an earlier version, which has none, is used as it is."""
    made: list[int] = []

    def make() -> dict[str, list[int]]:
        made.append(1)
        return {"a": [1, 2, 3]}

    folder = cached(tmp_path, "key", make)
    arrow = next(folder.glob("*.arrow"))
    content = bytearray(arrow.read_bytes())
    content[len(content) // 2] ^= 1
    for damage in (lambda: arrow.write_bytes(content), arrow.unlink, lambda: (folder / "state.json").write_text("{}")):
        assert is_intact(folder)
        damage()
        assert not is_intact(folder)
        assert values(open_table(cached(tmp_path, "key", make)), "a") == [1, 2, 3]
    assert len(made) == 4
    (folder / "checksums.json").unlink()
    assert is_intact(folder)
