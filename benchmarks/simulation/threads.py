"""In the place of the modules `threading` and `filelock`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock

from benchmarks.simulation.kernel import Event, Kernel, Process


class Lock:
    """As `threading.Lock`, for processes of a simulation."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._free = kernel, Event(kernel)
        self._owner: Process | None = None

    def __enter__(self) -> Lock:
        process = self._kernel.running()
        while self._owner is not None and not self._owner.is_over:
            self._free.clear()
            self._free.wait(1.0)
        self._owner = process
        return self

    def __exit__(self, *_: object) -> None:
        self._owner = None
        self._free.set()


class FileLocks:
    """In the place of `filelock.FileLock`: the operating system's locks, each of which ends with its process."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel, self._owners = kernel, dict[str, Process]()

    def __call__(self, path: Path) -> FileLock:
        return FileLock(self._kernel, self._owners, str(path))


class FileLock:
    """The lock of one file.

    Args:
        owners: path -> the process that has its lock.
    """

    def __init__(self, kernel: Kernel, owners: dict[str, Process], path: str) -> None:
        self._kernel, self._owners, self._path = kernel, owners, path

    def acquire(self, timeout: float, poll_interval: float) -> None:
        """Takes the lock.

        Raises:
            filelock.Timeout: Another process has it.
        """
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT))
        owner = self._owners.get(self._path)
        if owner is not None and not owner.is_over:
            self._kernel.sleep(timeout)
            raise filelock.Timeout(self._path)
        self._owners[self._path] = self._kernel.running()

    def release(self) -> None:
        self._owners.pop(self._path, None)


class Thread:
    """As `threading.Thread`: a process that dies with the one that started it."""

    def __init__(self, kernel: Kernel, target: Callable[..., object], args: tuple[Any, ...], name: str) -> None:
        parent = kernel.running()
        self._process = kernel.create(name or "thread", lambda: target(*args), parent.machine, parent, parent.pid)

    def start(self) -> None:
        self._process.kernel.start(self._process)

    def is_alive(self) -> bool:
        return not self._process.is_over

    def join(self, timeout: float | None = None) -> None:
        self._process.over.wait(timeout)


class Threading:
    """The part of the module `threading` that kotune uses."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def Event(self) -> Event:
        return Event(self._kernel)

    def Lock(self) -> Lock:
        return Lock(self._kernel)

    def Thread(self, target: Any, args: Any = (), daemon: bool = True, name: str = "") -> Thread:
        return Thread(self._kernel, target, args, name)
