"""A place that cannot take the result is told of before the work."""

from pathlib import Path

import pytest

from delivery.outputs import check_file
from search_spaces.errors import UserError


def test_a_new_file_and_one_that_is_there_are_fine(tmp_path: Path) -> None:
    """Predictions may be written anew."""
    (tmp_path / "old.csv").write_text("")
    check_file("--out", tmp_path / "old.csv")
    check_file("--out", tmp_path / "new.csv")
    check_file("--out", Path("new.csv"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The option is named, and what to type."""
    with pytest.raises(UserError, match=f"--picture {tmp_path} is a folder") as caught:
        check_file("--picture", tmp_path)
    assert caught.value.todo == f"--picture {tmp_path / 'NAME'}"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """It is not made: it may be a mistyped one."""
    with pytest.raises(UserError, match="there is no folder") as caught:
        check_file("--out", tmp_path / "none" / "out.csv")
    assert caught.value.todo == f"mkdir -p {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is root may write anywhere, so the answer of the system is given here."""
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(UserError, match="may not be written to"):
        check_file("--out", tmp_path / "out.csv")
