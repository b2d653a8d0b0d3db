"""The temporary folder of a Ray on this machine: sockets, logs and files of jobs that no other user can reach.

Ray's own folder, `/tmp/ray`, is open to every user of the machine: another could replace the sockets in it, and
processes of the search would connect to them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuning.cluster.ray_environment import temporary_folder

#: A short name, since the paths of sockets are limited; `mkdtemp` adds eight characters.
_PREFIX = "kt-"

#: What Ray is given, which makes it open to everyone.
_RAY = "r"

#: Locked as long as the process lives that made the folder.
_LOCK = "lock"

#: The folder of this process, and the descriptor that locks it.
_current: list[tuple[Path, int]] = []


def make() -> Path:
    """Creates a folder for Ray that only this user can reach, and removes those of processes that were killed."""
    parent = temporary_folder()
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.glob(f"{_PREFIX}*"):
        with _abandoned(folder) as abandoned:
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _current.append((folder, descriptor))
    return folder.absolute() / _RAY


def remove() -> None:
    """Removes the folder that this process made; Ray must have ended."""
    while _current:
        folder, descriptor = _current.pop()
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _abandoned(folder: Path) -> Iterator[bool]:
    """Whether a folder is this user's and its process has ended. Locks it meanwhile."""
    descriptor = None
    try:
        status = folder.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid():
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # locked, of another user, or removed meanwhile
        yield False
    else:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)
