"""One process at a time works on a study: who comes second is told who was first.

The lock is the operating system's, so that it goes with its process, however that ends. Beside it stands who holds it,
refreshed while it is held: another machine goes by that, on file systems that lock on one machine only and in buckets.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from foundation.buckets import in_bucket, read, remove, write_json
from foundation.durable import retry_on_storage_error
from foundation.errors import UserError

#: Seconds between two signs of life, and after how many without one a process on another machine counts as dead.
BEAT, SILENCE = 10.0, 60.0

#: Seconds in which two that came to a bucket at once see each other.
_SETTLE = 1.0


@contextmanager
def held(file: Path, name: str, address: str | None = None) -> Iterator[str]:
    """Hold the study called `name` as long as this lasts; gives a sentence on whoever died holding it, or none.

    Args:
        file: where the operating system's lock lies, and who holds it beside it.
        address: where that is said, if elsewhere.

    Raises:
        UserError: another process has it.
        StorageLost: the bucket does not answer.
    """
    address = address or str(file)
    lock = FileLock(file.with_suffix(".lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise _taken(name, _holder(address)) from None
    except OSError as error:
        given = f"study {name!r} cannot be worked on: {error}"
        raise UserError(given, "a folder that you may write to", "check its owner and the disk") from error
    try:
        before = _holder(address)
        if _lives_elsewhere(before):
            raise _taken(name, before)
        over = threading.Event()
        mine = {"host": platform.node(), "pid": os.getpid(), "since": time.time()}
        retry_on_storage_error(lambda: write_json(address, {**mine, "seen": time.time()}), f"who holds {name}")
        if in_bucket(address):
            time.sleep(_SETTLE)  # whoever came at the same moment has written by now, and one of the two was last
        if _other(mine, found := _holder(address)):
            raise _taken(name, found)
        beating = threading.Thread(target=_beat, args=(address, mine, over), daemon=True)
        beating.start()
        try:
            yield f"the process that had it ({_described(before)}) is gone" if before else ""
        finally:
            over.set()
            beating.join()
            with contextlib.suppress(OSError):  # then it counts as dead in a minute
                if not _other(mine, _holder(address)):
                    remove(address)
    finally:
        lock.release()


def _beat(address: str, mine: dict[str, Any], over: threading.Event) -> None:
    while not over.wait(BEAT):
        if _other(mine, _holder(address)):
            # This machine stood still, or was cut off, for so long that another one took over: end as after Ctrl-C.
            os.kill(os.getpid(), signal.SIGINT)
            return
        with contextlib.suppress(OSError):  # whoever works on the study says so when its disk is full
            write_json(address, {**mine, "seen": time.time()})


def _other(mine: dict[str, Any], found: dict[str, Any]) -> bool:
    return bool(found) and any(found.get(key) != mine[key] for key in ("host", "pid", "since"))


def holder(address: str) -> dict[str, Any]:
    """Who works on the study now: host, pid, since when, and when last seen; empty if nobody.

    Args:
        address: as `held` was given it.
    """
    found = _holder(address)
    return found if time.time() - float(found.get("seen", 0.0)) < SILENCE else {}


def _holder(address: str) -> dict[str, Any]:
    """Who holds, or died holding; empty if nobody."""
    try:
        found = json.loads(read(address) or b"")
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives_elsewhere(holder: dict[str, Any]) -> bool:
    elsewhere = holder.get("host", platform.node()) != platform.node()
    return elsewhere and time.time() - float(holder.get("seen", 0.0)) < SILENCE


def _described(holder: dict[str, Any]) -> str:
    return f"host {holder.get('host', 'unknown')}, pid {holder.get('pid', 'unknown')}"


def _taken(name: str, holder: dict[str, Any]) -> UserError:
    since = f", since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(holder['since']))}" if holder else ""
    return UserError(
        f"study {name!r} is at work in another process: {_described(holder)}{since}",
        "one process at a time",
        f"wait for it, or end it with Ctrl-C there (kill {holder.get('pid', 'PID')})",
    )
