"""A disk that fails, below the unchanged code under test.

While a disk is installed, `os.open`, `os.replace`, `os.fsync` and similar functions pass through it if their path is in
its folder. It counts these operations, kills a process before or after one of them, raises the errors of a full or
read-only disk, and records what was synced, so that it can simulate a loss of power.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from benchmarks.simulation.file_tree import File, FileTree, Folder
from benchmarks.simulation.kernel import Kernel, Killed, Process

_WRITES = os.O_WRONLY | os.O_RDWR


class Fault(StrEnum):
    """What is wrong with a disk."""

    NONE = "none"
    FULL = "full"  # nothing can be added
    READ_ONLY = "read-only"  # nothing can be changed
    UNAVAILABLE = "unavailable"  # nothing can be read or changed


_ERRORS = {Fault.FULL: errno.ENOSPC, Fault.READ_ONLY: errno.EROFS, Fault.UNAVAILABLE: errno.EIO}

#: Operations that a full disk still allows.
_FREEING = {"unlink", "rmdir", "replace", "sync-folder"}


class Disk:
    """The disk below `root`.

    Args:
        trace: receives a line for each change.
    """

    def __init__(self, kernel: Kernel, root: Path, trace: Callable[[str], None]) -> None:
        self.kernel, self.root, self._prefix, self._trace = kernel, root, f"{root}/", trace
        self.tree = FileTree(root)
        self.fault = Fault.NONE
        self.operations = 0
        #: Process -> number of operations until it is killed.
        self.crashes: dict[Process, int] = {}
        self._paths: dict[int, str] = {}  # by open file descriptor

    def lose_power(self, rng: random.Random) -> int:
        """Keeps what was synced and a part of the rest; returns the number of lost changes. No process may run."""
        self._paths.clear()
        return self.tree.lose_power(rng, ("optuna.db",))

    def step(self, kind: str, path: str, act: Callable[[], Any]) -> Any:
        """Performs one operation of the running process, unless the process is killed or the disk fails."""
        process = self.kernel.running()
        self.operations += 1
        remaining = self.crashes.get(process)
        if remaining is not None:
            self.crashes[process] = remaining - 1
            if remaining == 0:
                self._crash(process, f"before {kind} {self._short(path)}")
        if self.fault is not Fault.NONE and self._refuses(kind):
            raise OSError(_ERRORS[self.fault], os.strerror(_ERRORS[self.fault]), path)
        result = act()
        if kind != "read":
            self._trace(f"{process.name}: {kind} {self._short(path)}")
        if remaining == 1:
            self._crash(process, f"after {kind} {self._short(path)}")
        return result

    def _refuses(self, kind: str) -> bool:
        if self.fault is Fault.FULL:
            return kind not in _FREEING and kind != "read"
        return kind != "read" or self.fault is Fault.UNAVAILABLE

    def _crash(self, process: Process, where: str) -> None:
        self._trace(f"{process.name}: killed {where}")
        self.crashes.pop(process, None)
        self.kernel.kill(process)
        raise Killed

    def _short(self, path: str) -> str:
        return path.replace(self._prefix, "").replace(str(self.root), ".")

    # ---- operations and their effect on `tree`

    def _open(self, real: Any, path: str, flags: int, *rest: Any, **options: Any) -> int:
        if not flags & _WRITES:
            descriptor = self.step("read", path, lambda: real(path, flags, *rest, **options))
        else:

            def create() -> int:
                number: int = real(path, flags, *rest, **options)
                folder, name = self.tree.folder_of(path)
                node = self.tree.node(path)
                if node is None and folder is not None:
                    node = File()
                    folder.change({name: node})
                if isinstance(node, File):
                    node.is_dirty = True
                return number

            descriptor = self.step("write", path, create)
        self._paths[descriptor] = path
        return int(descriptor)

    def _fsync(self, real: Any, descriptor: int) -> None:
        path = self._paths.get(descriptor, "")
        node = self.tree.node(path) if path else None
        if node is None:
            real(descriptor)
            return

        def sync() -> None:
            if isinstance(node, Folder):
                node.sync()
            else:
                # The descriptor itself may be for writing only.
                node.synced, node.is_dirty = Path(f"/proc/self/fd/{descriptor}").read_bytes(), False

        self.step("sync-folder" if isinstance(node, Folder) else "sync", path, sync)

    def _rename(self, real: Any, source: str, target: str) -> None:
        def move() -> None:
            real(source, target)
            folder, name = self.tree.folder_of(source)
            other, new_name = self.tree.folder_of(target)
            node = self.tree.node(source)
            if folder is None or node is None or other is None:
                return
            if folder is other:
                folder.change({name: None, new_name: node})
            else:
                folder.change({name: None})
                other.change({new_name: node})

        self.step("replace", f"{source} -> {target}", move)

    def _remove(self, kind: str, real: Any, path: str) -> None:
        def remove() -> None:
            real(path)
            folder, name = self.tree.folder_of(path)
            if folder is not None and name in folder.entries:
                folder.change({name: None})

        self.step(kind, path, remove)

    def _mkdir(self, real: Any, path: str, mode: int) -> None:
        def make() -> None:
            real(path, mode)
            folder, name = self.tree.folder_of(path)
            if folder is not None:
                folder.change({name: Folder()})

        self.step("mkdir", path, make)

    # ---- in the place of the real functions

    def _own_path(self, path: object) -> str | None:
        """Returns the absolute path if it is on this disk and a process of the simulation runs, else None."""
        if self.kernel.current is None or not isinstance(path, str | os.PathLike):
            return None
        text = os.path.abspath(os.fspath(path))
        return text if isinstance(text, str) and f"{text}/".startswith(self._prefix) else None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Replaces the functions of the operating system in this context."""
        names = ("open", "fsync", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "close")
        real = {name: getattr(os, name) for name in names}
        real_open, descriptors = builtins.open, shutil._use_fd_functions  # type: ignore[attr-defined]

        def file_open(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            if options.get("opener") is None and self._own_path(file):  # the built-in calls the system itself
                options["opener"] = lambda path, flags: os.open(path, flags, 0o666)
            return real_open(file, mode, *rest, **options)

        def system_open(path: Any, flags: int, *rest: Any, **options: Any) -> int:
            if (own := self._own_path(path)) is None:
                return int(real["open"](path, flags, *rest, **options))
            return self._open(real["open"], own, flags, *rest, **options)

        def close(descriptor: int) -> None:
            self._paths.pop(descriptor, None)
            real["close"](descriptor)

        def moving(name: str) -> Callable[..., None]:
            def move(source: Any, target: Any, **options: Any) -> None:
                own, other = self._own_path(source), self._own_path(target)
                if own is None or other is None:
                    real[name](source, target, **options)
                else:
                    self._rename(real[name], own, other)

            return move

        def removing(name: str) -> Callable[..., None]:
            def remove(path: Any, **options: Any) -> None:
                if (own := self._own_path(path)) is None:
                    real[name](path, **options)
                else:
                    self._remove("rmdir" if name == "rmdir" else "unlink", real[name], own)

            return remove

        def mkdir(path: Any, mode: int = 0o777, **options: Any) -> None:
            if (own := self._own_path(path)) is None:
                real["mkdir"](path, mode, **options)
            else:
                self._mkdir(real["mkdir"], own, mode)

        replaced: dict[str, Callable[..., Any]] = {
            "open": system_open,
            "fsync": lambda descriptor: self._fsync(real["fsync"], descriptor),
            "close": close,
            "mkdir": mkdir,
            **{name: moving(name) for name in ("replace", "rename")},
            **{name: removing(name) for name in ("unlink", "remove", "rmdir")},
        }
        try:
            for name, function in replaced.items():
                setattr(os, name, function)
            builtins.open = io.open = file_open
            shutil._use_fd_functions = False  # type: ignore[attr-defined]  # `rmtree` uses paths then
            yield
        finally:
            for name, function in real.items():
                setattr(os, name, function)
            builtins.open = io.open = real_open
            shutil._use_fd_functions = descriptors  # type: ignore[attr-defined]
