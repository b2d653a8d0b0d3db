"""Files that are there whole or not at all, on storage that fails for a while."""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors import SafetensorError

from foundation import durable
from foundation.durable import StorageLost, is_storage_error, previous, retry_on_storage_error, write_json


def failing(*errors: BaseException) -> Callable[[], None]:
    """Fails with each of `errors`, then succeeds."""
    left = list(errors)

    def write() -> None:
        if left:
            raise left.pop(0)

    return write


FULL = OSError(errno.ENOSPC, "No space left on device")


def test_what_stood_there_before_is_kept_beside_it(tmp_path: Path) -> None:
    """Where it is asked for."""
    path = tmp_path / "a.json"
    for value in (1, 2, 3):
        write_json(path, value, keep_last=True)
    assert (json.loads(path.read_text()), json.loads(previous(path).read_text())) == (3, 2)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may be full at any byte."""
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
def test_storage_that_comes_back_is_waited_for(error: BaseException) -> None:
    """However the failure is said."""
    assert is_storage_error(error)
    retry_on_storage_error(failing(error, error), "x", pauses=(0.0, 0.0))
    with pytest.raises(StorageLost, match="x cannot be written"):
        retry_on_storage_error(failing(error, error), "x", pauses=(0.0,))


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), RuntimeError("shapes differ"), KeyError("a")])
def test_other_failures_are_not_repeated(error: BaseException) -> None:
    """Nothing would change."""
    assert not is_storage_error(error)
    with pytest.raises(type(error)):
        retry_on_storage_error(failing(error), "x", pauses=(0.0,))
