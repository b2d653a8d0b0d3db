"""Files that are written in parts: what is complete stays after a kill, and is continued byte for byte."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import partial_files
from foundation.errors import UserError
from foundation.partial_files import Origin, PartialFile, staged_file

ORIGIN = Origin("input", "model", "batch_size=32")

_WRITER = """
import os, signal, sys
from pathlib import Path
from foundation import partial_files
from foundation.partial_files import Origin, PartialFile
partial_files._SECONDS = 0
with PartialFile(Path(sys.argv[1]), Origin("input", "model", "batch_size=32"), resume=True) as file:
    for number in range(file.rows, 10):
        file.text.write(f"가 {number}\\n")
        if number == int(sys.argv[2]):
            file.text.write("half a li")
            file.text.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        file.complete(1)
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every complete row is flushed at once."""
    monkeypatch.setattr(partial_files, "_SECONDS", 0)


def begin(path: Path, rows: int) -> None:
    """Writes some rows and fails."""
    with contextlib.suppress(KeyboardInterrupt), PartialFile(path, ORIGIN, resume=False) as file:
        for number in range(rows):
            file.text.write(f"{number}\n")
            file.complete(1)
        file.text.write("more")
        raise KeyboardInterrupt
    assert not path.exists()


def test_two_kills_leave_no_trace(tmp_path: Path) -> None:
    """The file is that of an uninterrupted run, and nothing is beside it."""
    path = tmp_path / "out.csv"
    for end in ("3", "7", "-1"):
        code = subprocess.run([sys.executable, "-c", _WRITER, str(path), end], check=False).returncode
        assert (code == 0) == (end == "-1")
        assert path.exists() == (end == "-1")
    assert path.read_text(encoding="utf-8") == "".join(f"가 {number}\n" for number in range(10))
    assert os.listdir(tmp_path) == ["out.csv"]


def test_without_resume_the_earlier_part_is_discarded(tmp_path: Path) -> None:
    """Its description as well."""
    begin(tmp_path / "a", 3)
    with PartialFile(tmp_path / "a", ORIGIN, resume=False) as file:
        assert file.rows == 0
        file.text.write("x\n")
        file.complete(1)
    assert (tmp_path / "a").read_text() == "x\n"
    assert os.listdir(tmp_path) == ["a"]


def test_nothing_is_left_if_no_row_was_complete(tmp_path: Path) -> None:
    """An error before the first window is no interruption."""
    begin(tmp_path / "a", 0)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (Origin("other", "model", "batch_size=32"), "was written of another input"),
        (Origin("input", "other", "batch_size=32"), "was written by another model"),
        (Origin("input", "model", "batch_size=8"), "was written with other options: batch_size=32"),
    ],
)
def test_another_origin_is_refused(origin: Origin, words: str, tmp_path: Path) -> None:
    """And the staged file stays as it is."""
    begin(tmp_path / "a", 3)
    before = staged_file(tmp_path / "a").read_bytes()
    with pytest.raises(UserError, match=words):
        PartialFile(tmp_path / "a", origin, resume=True)
    assert staged_file(tmp_path / "a").read_bytes() == before


def test_two_processes_do_not_write_the_same_file(tmp_path: Path) -> None:
    """The second one is refused."""
    with open(staged_file(tmp_path / "a"), "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="is being written by another process"):
            PartialFile(tmp_path / "a", ORIGIN, resume=False)


def test_a_damaged_part_is_refused(tmp_path: Path) -> None:
    """A staged file that is too short, and a description that is no JSON."""
    begin(tmp_path / "a", 3)
    os.truncate(staged_file(tmp_path / "a"), 2)
    with pytest.raises(UserError, match="is shorter than"):
        PartialFile(tmp_path / "a", ORIGIN, resume=True)
    (tmp_path / ".a.partial.json").write_text("{")
    with pytest.raises(UserError, match="leave --resume out"):
        PartialFile(tmp_path / "a", ORIGIN, resume=True)


def test_a_link_in_the_place_of_the_staged_file_is_refused(tmp_path: Path) -> None:
    """In a shared folder another user may plant one; a FIFO as well."""
    (tmp_path / "victim").write_text("content")
    staged_file(tmp_path / "a").symlink_to(tmp_path / "victim")
    os.mkfifo(staged_file(tmp_path / "b"))
    for name, words in (("a", "it is a link"), ("b", "it is no regular file")):
        with pytest.raises(UserError, match=words):
            PartialFile(tmp_path / name, ORIGIN, resume=False)
    assert (tmp_path / "victim").read_text() == "content"
