"""Atomic writes, and storage that fails temporarily."""

import errno
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from foundation import durable
from foundation.durable import (
    StorageLost,
    is_storage_error,
    move_folder,
    new_file,
    new_folder,
    previous,
    retry_on_storage_error,
    write_json,
)


def failing(*errors: BaseException) -> Callable[[], None]:
    """Returns a function that fails with each of `errors` in turn, then succeeds."""
    remaining = list(errors)

    def write() -> None:
        if remaining:
            raise remaining.pop(0)

    return write


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_the_previous_version_is_kept_on_request(tmp_path: Path) -> None:
    """`keep_last` keeps exactly one older version."""
    path = tmp_path / "a.json"
    for value in (1, 2, 3):
        write_json(path, value, keep_last=True)
    assert (json.loads(path.read_text()), json.loads(previous(path).read_text())) == (3, 2)


def test_a_failed_write_leaves_only_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk may become full at any byte."""
    path = tmp_path / "a.json"
    write_json(path, "old")

    def fails(descriptor: int) -> None:
        raise FULL

    monkeypatch.setattr(durable.os, "fsync", fails)
    with pytest.raises(OSError, match="No space"):
        write_json(path, "new", keep_last=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]
    assert json.loads(path.read_text()) == "old"


@pytest.mark.parametrize(
    "error",
    [
        FULL,
        OSError(errno.EROFS, "Read-only file system"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0 PytorchStreamWriter failed"),
    ],
)
def test_storage_errors_are_retried(error: BaseException) -> None:
    """Whichever library reports them; after the last attempt the storage is lost."""
    assert is_storage_error(error)
    retry_on_storage_error(failing(error, error), "x", pauses=(0.0, 0.0))
    with pytest.raises(StorageLost, match="x cannot be written"):
        retry_on_storage_error(failing(error, error), "x", pauses=(0.0,))


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("numbers", [10, 1000])
def test_what_torch_raises_on_a_full_disk_is_a_storage_error(numbers: int) -> None:
    """The installed torch, for a file that its buffer holds until the end and for a larger one."""
    with pytest.raises(RuntimeError) as caught:
        torch.save(torch.zeros(numbers), "/dev/full")
    assert is_storage_error(caught.value)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), RuntimeError("shapes differ"), KeyError("a")])
def test_other_errors_are_not_retried(error: BaseException) -> None:
    """A retry would not help."""
    assert not is_storage_error(error)
    with pytest.raises(type(error)):
        retry_on_storage_error(failing(error), "x", pauses=(0.0,))


def test_a_new_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Until the block ends the old content is read; after an exception it stays, and no temporary file remains."""
    path = tmp_path / "a.csv"
    path.write_text("old")
    with new_file(path, newline="") as file:
        file.write("new\r\n")
        assert path.read_text() == "old"
    assert path.read_bytes() == b"new\r\n"
    with suppress(ValueError), new_file(path) as file:
        file.write("half")
        raise ValueError
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]
    assert path.read_bytes() == b"new\r\n"


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    """Not even before it has its final name."""
    with new_file(tmp_path / "token", mode=0o600):
        assert [entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()] == [0o600]
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_a_new_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    """With parents; after an exception nothing remains of it."""
    path = tmp_path / "deep" / "a"
    with new_folder(path, mode=0o700) as staging:
        (staging / "file").write_text("x")
        assert not path.exists()
    assert (path / "file").read_text() == "x"
    assert path.stat().st_mode & 0o777 == 0o700
    with suppress(ValueError), new_folder(tmp_path / "b"):
        raise ValueError
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["a", "deep", "file"]


def test_a_folder_is_overwritten_only_on_request(tmp_path: Path) -> None:
    """Another process may create it while the block runs."""
    path = tmp_path / "a"
    for folder in (path, tmp_path / "staged"):
        folder.mkdir()
        (folder / folder.name).write_text("")
    with pytest.raises(FileExistsError):
        move_folder(tmp_path / "staged", path)
    shutil.rmtree(tmp_path / "staged")
    assert [entry.name for entry in path.iterdir()] == ["a"]
    with new_folder(path, overwrite=True) as staging:
        (staging / "ours").write_text("")
    assert [entry.name for entry in path.iterdir()] == ["ours"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_folder_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut a folder with its final name has all its files."""
    synced: list[str] = []
    monkeypatch.setattr(durable, "sync", lambda path: synced.append(f"{path.name} {target.exists()}"))
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file").write_text("x")
    move_folder(source, target)
    assert sorted(synced[:3]) == ["file False", "inner False", "source False"]
    assert synced[3:] == [f"{tmp_path.name} True"]


def test_the_name_of_a_new_folder_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a loss of power may take the folder, with files that were synced in it.

    A folder that exists may come from a process that was killed before it synced.
    """
    synced: list[str] = []
    monkeypatch.setattr(durable, "sync", lambda path: synced.append(path.relative_to(tmp_path).as_posix()))
    durable.make_folder(tmp_path / "outer" / "inner")
    assert synced == [".", "outer"]
    durable.make_folder(tmp_path / "outer" / "inner")
    assert synced == [".", "outer", "outer"]
