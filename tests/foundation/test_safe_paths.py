"""Names with a path in them, and links out of a folder, are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foundation.errors import UserError
from foundation.safe_paths import check_exported, check_inside, check_links, plain_name, read_regular


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "..", ".", "", "a\\b", "C:x", "a\0b", None, 3])
def test_a_path_is_refused_as_a_name(name: object) -> None:
    """The message names the file that contains it."""
    with pytest.raises(UserError, match=r"kotune\.json: .* is not a plain file name"):
        plain_name(name, "kotune.json")


@pytest.mark.parametrize("name", ["0-rnn-study", "a + b", "step-00000010", "..a", "한국어.txt"])
def test_a_plain_name_is_accepted(name: str) -> None:
    """With dots, spaces and Korean letters."""
    assert plain_name(name, "kotune.json") == name


def test_links_are_checked_at_any_depth(tmp_path: Path) -> None:
    """Links to files, to folders and to missing targets."""
    (tmp_path / "outside").mkdir()
    deep = tmp_path / "model" / "deep"
    deep.mkdir(parents=True)
    for target in (tmp_path / "outside", tmp_path / "nowhere", Path("../../outside")):
        (deep / "link").symlink_to(target)
        with pytest.raises(UserError, match="link is a link to"):
            check_links(tmp_path / "model", [tmp_path / "model"])
        (deep / "link").unlink()
    (deep / "link").symlink_to(tmp_path / "model")
    check_links(tmp_path / "model", [tmp_path / "model"])
    check_links(tmp_path / "model", skip=["deep"])
    with pytest.raises(UserError, match="is a link"):
        check_links(tmp_path / "model")


def test_the_cache_of_the_hub_may_contain_links(tmp_path: Path) -> None:
    """A snapshot consists of links to its blobs; any other link is refused."""
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "1", tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "weights").write_bytes(b"")
    (snapshot / "model.safetensors").symlink_to("../../blobs/weights")
    check_exported(snapshot, "kotune.json", ["study"])
    (snapshot / "other").symlink_to("../../refs")
    with pytest.raises(UserError, match="is a link"):
        check_exported(snapshot, "kotune.json", ["study"])


def test_a_path_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """Also if a parent folder is a link, or the path itself."""
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "real").mkdir(parents=True)
    (outside / "inner").mkdir(parents=True)
    (home / "way").symlink_to(outside)
    check_inside(home / "real", home)
    check_inside(home / "not there", home)
    for path in (home / "way", home / "way" / "inner", home / ".." / "outside"):
        with pytest.raises(UserError, match="leads to"):
            check_inside(path, home)


def test_only_a_regular_file_of_bounded_size_is_read(tmp_path: Path) -> None:
    """Others would block for ever, or fill the memory; links to regular files are read."""
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "fifo")
    assert read_regular(tmp_path / "link", 5) == b"12345"
    for path, reason in ((tmp_path / "file", "are allowed"), (tmp_path / "fifo", "regular"), (tmp_path, "directory")):
        with pytest.raises(OSError, match=reason):
            read_regular(path, 4)
    with pytest.raises(OSError, match="it is no regular file"):
        read_regular(Path("/dev/zero"))
