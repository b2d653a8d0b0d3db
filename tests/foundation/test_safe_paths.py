"""Names stay names, and links lead nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import UserError
from foundation.safe_paths import check_exported, check_inside, check_links, plain_name


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "..", ".", "", "a\\b", "C:x", "a\0b", None, 3])
def test_a_way_is_no_name(name: object) -> None:
    """The file that holds it is named."""
    with pytest.raises(UserError, match=r"kotune\.json: .* is no plain name"):
        plain_name(name, "kotune.json")


@pytest.mark.parametrize("name", ["0-rnn-study", "a + b", "step-00000010", "..a", "한국어.txt"])
def test_a_name_is_one(name: str) -> None:
    """Dots and blanks are no way to anywhere."""
    assert plain_name(name, "kotune.json") == name


def test_links_are_found_at_any_depth(tmp_path: Path) -> None:
    """To files and to folders, to what is there and to what is not."""
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
    check_links(tmp_path / "model", passed=["deep"])
    with pytest.raises(UserError, match="is a link"):
        check_links(tmp_path / "model")


def test_the_cache_of_the_hub_may_link(tmp_path: Path) -> None:
    """A snapshot is made of links to the blobs beside it; a link to anything else is refused there too."""
    snapshot, blobs = tmp_path / "models--a--b" / "snapshots" / "1", tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "weights").write_bytes(b"")
    (snapshot / "model.safetensors").symlink_to("../../blobs/weights")
    check_exported(snapshot, "kotune.json", ["study"])
    (snapshot / "other").symlink_to("../../refs")
    with pytest.raises(UserError, match="is a link"):
        check_exported(snapshot, "kotune.json", ["study"])


def test_what_lies_elsewhere_is_not_inside(tmp_path: Path) -> None:
    """Through a link on the way, or as a link."""
    home, outside = tmp_path / "home", tmp_path / "outside"
    (home / "real").mkdir(parents=True)
    (outside / "inner").mkdir(parents=True)
    (home / "way").symlink_to(outside)
    check_inside(home / "real", home)
    check_inside(home / "not there", home)
    for path in (home / "way", home / "way" / "inner", home / ".." / "outside"):
        with pytest.raises(UserError, match="leads to"):
            check_inside(path, home)
