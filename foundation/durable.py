"""Atomic, durable writes of files and folders, and retries while the storage is unavailable.

The only place that writes to a temporary name and renames.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from safetensors import SafetensorError

from foundation.errors import first_line
from foundation.secrets import redacted

T = TypeVar("T")

#: Seconds between attempts to write; their sum is how long a full or unreachable storage is retried.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)

#: Error numbers that may go away: the disk gets space, the network returns, a volume is mounted again.
_TRANSIENT = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}

#: The same failures in the messages of safetensors and torch, whose exceptions carry no error number.
_TRANSIENT_MESSAGES = (
    *("os error 28", "os error 30", "os error 5)"),
    *("PytorchStreamWriter", "file write failed", ". unexpected pos ", "basic_ios::clear: iostream error"),
)


class StorageLost(Exception):
    """The storage cannot be written any more; files that are complete stay complete."""


def write_json(path: Path, value: Any, *, keep_last: bool = False) -> None:
    """Writes `value` as JSON, atomically and durably, with secrets redacted.

    Args:
        keep_last: Keep the previous version of the file as `previous(path)`.
    """
    write_text(path, json.dumps(redacted(value), ensure_ascii=False, indent=2), keep_last=keep_last)


def write_text(path: Path, text: str, *, keep_last: bool = False, mode: int = 0o666) -> None:
    """Writes a text file atomically and durably; see `new_file` for the arguments."""
    with new_file(path, keep_last=keep_last, mode=mode) as file:
        file.write(text)


@contextmanager
def new_file(path: Path, *, newline: str | None = None, keep_last: bool = False, mode: int = 0o666) -> Iterator[TextIO]:
    """Opens a UTF-8 file that replaces `path` when the block ends; after an exception `path` is unchanged.

    Args:
        newline: As for `open`.
        keep_last: Keep the previous version of the file as `previous(path)`.
        mode: Permissions of the new file, before the umask.
    """
    staging = _beside(path)
    try:
        with open(staging, "w", encoding="utf-8", newline=newline, opener=partial(os.open, mode=mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if keep_last and path.exists():
            path.replace(previous(path))
        staging.replace(path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise
    sync(path.parent)


@contextmanager
def new_folder(path: Path, *, overwrite: bool = False, mode: int = 0o777) -> Iterator[Path]:
    """Creates an empty folder to write in, which becomes `path` when the block ends; after an exception it is removed.

    Args:
        overwrite: Replace an existing folder.
        mode: Permissions of the new folder, before the umask.

    Raises:
        FileExistsError: `path` exists when the block ends, and is not to be overwritten.
    """
    staging = _beside(path)
    shutil.rmtree(staging, ignore_errors=True)
    remove_abandoned(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging.mkdir(mode=mode)
    try:
        yield staging
        move_folder(staging, path, overwrite=overwrite)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def make_folder(path: Path) -> None:
    """Creates a folder, with its parents, durably: without the sync of its parent a crash may lose it and its files."""
    if not path.parent.is_dir():
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync(path.parent)


def move_folder(source: Path, target: Path, *, overwrite: bool = False) -> None:
    """Moves a folder within one file system, with all its files synced before it appears at `target`.

    Raises:
        FileExistsError: `target` exists and is not to be overwritten.
    """
    for path in (*sorted(source.rglob("*")), source):
        sync(path)
    older = _beside(target, "older.tmp")
    shutil.rmtree(older, ignore_errors=True)
    if overwrite and target.exists():
        target.rename(older)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        raise
    sync(target.parent)
    shutil.rmtree(older, ignore_errors=True)


def _beside(path: Path, suffix: str = "tmp") -> Path:
    """A hidden name on the same file system: renames are atomic there. `remove_leftovers` deletes `.*.tmp`."""
    return path.with_name(f".{path.name}.{_machine()}.{os.getpid()}.{suffix}")


def remove_abandoned(path: Path) -> None:
    """Deletes what processes of this machine that were killed left beside `path` when they wrote it."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.{_machine()}.*.tmp"):
        pid = left.name.removeprefix(f".{path.name}.{_machine()}.").split(".")[0]
        if pid.isdecimal() and not process_exists(int(pid)):
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def process_exists(pid: int) -> bool:
    """Whether a process of this machine has that id, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


@cache
def _machine() -> str:
    """Eight digits for this machine: in a shared folder, another one may have the same process id."""
    return f"{zlib.crc32(os.uname().nodename.encode()):08x}"


def previous(path: Path) -> Path:
    """The path at which `write_json` keeps the previous version of `path`."""
    return path.with_name(f".{path.name}.previous")


def sync(path: Path) -> None:
    """Flushes a file, or the entries of a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def retry_on_storage_error(
    write: Callable[[], T], what: str, pauses: tuple[float, ...] | None = None, *, verb: str = "written"
) -> T:
    """Calls `write` until it succeeds, with growing pauses, while the storage is full, read-only or unreachable.

    Args:
        what: Name of what is written, for the message.
        pauses: Seconds between attempts; None means `PAUSES`.
        verb: "written" or "read", for the message.

    Raises:
        StorageLost: the last attempt failed too.
    """
    for pause in (*(PAUSES if pauses is None else pauses), None):
        try:
            return write()
        except (OSError, RuntimeError, SafetensorError) as error:
            if not is_storage_error(error):
                raise
            if pause is None:
                raise StorageLost(f"{what} cannot be {verb}: {first_line(error)}") from error
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def is_storage_error(error: BaseException) -> bool:
    """Whether an error is a failure of the storage that may go away."""
    if isinstance(error, OSError):
        return error.errno in _TRANSIENT
    text = str(error)
    return isinstance(error, RuntimeError | SafetensorError) and any(words in text for words in _TRANSIENT_MESSAGES)
