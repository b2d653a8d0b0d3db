"""Files that are there whole or not at all, also after the power went."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError

from foundation.errors import first_line
from foundation.secrets import redacted

Answer = TypeVar("Answer")

#: Seconds between attempts to write; together what a full disk or a storage that is away is waited for.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)

#: What may pass of itself: somebody makes room, the network comes back, a volume is mounted again.
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN}


#: How safetensors and torch say it.
_SAID = ("os error 28", "os error 30", "os error 5)", "PytorchStreamWriter", "file write failed")


class StorageLost(Exception):
    """Nothing can be written any more; what is complete stays complete."""


def write_json(path: Path, value: Any, *, keep_last: bool = False) -> None:
    """Write whole or not at all, durably, and without keys and tokens.

    Args:
        keep_last: keep what stood there before beside it, as `previous(path)`.
    """
    write_text(path, json.dumps(redacted(value), ensure_ascii=False, indent=2), keep_last=keep_last)


def write_text(path: Path, text: str, *, keep_last: bool = False) -> None:
    """Write whole or not at all, and durably."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with staging.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if keep_last and path.exists():
            path.replace(previous(path))
        staging.replace(path)
    except OSError:
        staging.unlink(missing_ok=True)
        raise
    sync(path.parent)


def previous(path: Path) -> Path:
    """Where `write_json` keeps what stood in `path` before."""
    return path.with_name(f".{path.name}.previous")


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def retry_on_storage_error(
    write: Callable[[], Answer], what: str, pauses: tuple[float, ...] | None = None, *, verb: str = "written"
) -> Answer:
    """Write (or read) again and again while the storage is full, read-only or away, with longer and longer pauses.

    Args:
        pauses: seconds between attempts; None: `PAUSES`.

    Raises:
        StorageLost: it stays so.
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
    raise AssertionError("the last attempt answers or raises")


def is_storage_error(error: BaseException) -> bool:
    """Whether the storage failed, and may work again; safetensors and torch say so in words of their own."""
    if isinstance(error, OSError):
        return error.errno in _PASSING
    text = str(error)
    return isinstance(error, RuntimeError | SafetensorError) and any(words in text for words in _SAID)
