"""The lock of a study: one process at a time works on it; the refusal of a second names host and pid of the first.

The lock belongs to the operating system, so it ends with its process. A file beside it names the process and is
refreshed while the lock is held. Other machines rely on that file, in buckets and on file systems whose locks do not
reach other machines.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from foundation.buckets import in_bucket, read, remove, write_json
from foundation.checked_json import Finite, decode_json, plain
from foundation.durable import process_exists, retry_on_storage_error
from foundation.errors import UserError

#: Seconds between two refreshes of the file, and after how many without one a process on another machine is dead.
REFRESH_SECONDS, DEAD_SECONDS = 10.0, 60.0

#: Seconds in which two processes that lock a study in a bucket at the same time see each other.
_SETTLE_SECONDS = 1.0

#: Seconds that `study_lock` waits for the lock: `lock_owner` of another process may hold it for a moment.
_ACQUIRE_SECONDS = 0.2


class LockOwner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The process that holds the lock.

    Args:
        since: Unix time at which it acquired the lock.
        seen: Unix time of the last refresh.
    """

    host: str
    pid: int
    since: Finite
    seen: Finite

    @property
    def is_alive(self) -> bool:
        """Whether it refreshed the file within the last minute."""
        return time.time() - self.seen < DEAD_SECONDS

    def is_same_process(self, other: LockOwner) -> bool:
        """Whether both are the same process, whenever they were seen."""
        return (self.host, self.pid, self.since) == (other.host, other.pid, other.since)

    def __str__(self) -> str:
        return f"host {self.host}, pid {self.pid}"


@contextmanager
def study_lock(file: Path, name: str, address: str | None = None) -> Iterator[str]:
    """Holds the lock of the study called `name`; yields a sentence about a process that died with it, or "".

    Args:
        file: The file that names the owner; the operating system's lock is beside it.
        address: Where the owner is named instead, for a study in a bucket.

    Raises:
        UserError: Another process holds the lock.
        StorageLost: The bucket does not answer.
    """
    address = address or str(file)
    lock = FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(timeout=_ACQUIRE_SECONDS, poll_interval=_ACQUIRE_SECONDS / 10)
    except Timeout:
        raise _refusal(name, _read_owner(address)) from None
    except OSError as error:
        problem = f"study {name!r} cannot be locked: {error}"
        raise UserError(problem, "a folder that you may write to", "check its owner and the disk") from error
    try:
        before = _read_owner(address)
        if before is not None and before.host != platform.node() and before.is_alive:
            raise _refusal(name, before)
        stop = threading.Event()
        now = time.time()
        own = LockOwner(platform.node(), os.getpid(), now, now)
        retry_on_storage_error(lambda: _write_owner(address, own), f"the lock of study {name}")
        if in_bucket(address):
            time.sleep(_SETTLE_SECONDS)  # a process that came at the same moment has written by now; the last one wins
        if _is_lost(address, own):
            raise _refusal(name, _read_owner(address))
        refresher = threading.Thread(target=_refresh, args=(address, own, stop), daemon=True)
        refresher.start()
        try:
            yield f"the process that worked on it ({before}) has ended without unlocking it" if before else ""
        finally:
            stop.set()
            refresher.join()
            with contextlib.suppress(OSError):  # then it counts as dead in a minute
                if not _is_lost(address, own):
                    remove(address)
    finally:
        lock.release()


def lock_owner(file: Path, address: str | None = None) -> LockOwner | None:
    """Returns the process that works on the study now; None if there is none. Writes nothing.

    A process of this machine works on the study as long as it holds the operating system's lock, whenever it last
    refreshed the file; for a study in a bucket, as long as it exists.

    Args:
        file, address: As for `study_lock`.
    """
    owner = _read_owner(address or str(file))
    if owner is None or owner.host != platform.node():
        return owner if owner is not None and owner.is_alive else None
    is_held = _is_held(file.with_suffix(".lock")) if address in (None, str(file)) else None
    if is_held is None:
        is_held = owner.is_alive and process_exists(owner.pid)
    return owner if is_held else None


def _is_held(lock: Path) -> bool | None:
    """Whether a process holds the operating system's lock; None if this user may not know."""
    try:
        descriptor = os.open(lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _refresh(address: str, own: LockOwner, stop: threading.Event) -> None:
    while not stop.wait(REFRESH_SECONDS):
        if _is_lost(address, own):
            # This machine stalled or was cut off for so long that another process took over: end as after Ctrl-C.
            os.kill(os.getpid(), signal.SIGINT)
            return
        with contextlib.suppress(OSError):  # the writers of the study report a full disk
            _write_owner(address, own)


def _is_lost(address: str, own: LockOwner) -> bool:
    """Whether the file names another process; a missing or damaged file does not count."""
    owner = _read_owner(address)
    return owner is not None and not owner.is_same_process(own)


def _write_owner(address: str, own: LockOwner) -> None:
    write_json(address, plain(msgspec.structs.replace(own, seen=time.time())))


def _read_owner(address: str) -> LockOwner | None:
    """Returns the process that the file names, dead or alive; None without a readable file."""
    try:
        return decode_json(read(address) or b"", LockOwner, address, todo="")
    except (OSError, UserError):
        return None


def _refusal(name: str, owner: LockOwner | None) -> UserError:
    if owner is None:
        return UserError(f"another process works on study {name!r}", "one process at a time", "wait until it has ended")
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(owner.since))
    return UserError(
        f"another process works on study {name!r}: {owner}, since {since}",
        "one process at a time",
        f"wait until it has ended, or end it with Ctrl-C there (kill {owner.pid})",
    )
