"""Temporary folders that only this user can reach; the next process removes those of processes that were killed."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Locked as long as the process lives that made the folder.
_OWNER = "owner"

#: The folders of this process, and the descriptors that lock them.
_own: dict[Path, int] = {}


def make(prefix: str, parent: Path | None = None) -> Path:
    """Creates a folder that is removed at exit, and removes those with the same prefix whose processes were killed.

    Args:
        prefix: Of its name, to which eight characters are added.
        parent: Default: the folder for temporary files.
    """
    parent = parent or Path(tempfile.gettempdir())
    for folder in parent.glob(f"{prefix}*"):
        with is_abandoned(folder) as abandoned:
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _own[folder] = descriptor
    atexit.register(_remove_at_exit, folder, os.getpid())
    return folder


def remove(folder: Path) -> None:
    """Removes a folder that `make` returned."""
    shutil.rmtree(folder, ignore_errors=True)
    if (descriptor := _own.pop(folder, None)) is not None:
        os.close(descriptor)


def _remove_at_exit(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # not in a process that was forked from it
        remove(folder)


@contextmanager
def is_abandoned(folder: Path) -> Iterator[bool]:
    """Whether `make` created the folder for this user, in a process that has ended. Locks it meanwhile."""
    descriptor = None
    try:
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
            descriptor = os.open(folder / _OWNER, os.O_RDWR | os.O_NOFOLLOW)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, of another user, or removed meanwhile
        yield False
    else:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
