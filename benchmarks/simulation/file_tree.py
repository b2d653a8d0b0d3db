"""The files of a simulated disk, and which of them survive a loss of power.

POSIX guarantees little: the content of a file is safe after `fsync` of the file, its name after `fsync` of the folder
that contains it. Any part of the rest may be lost: a file may be torn, and of two changes in a folder the later one may
survive without the earlier one, unless they concern the same name.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class File:
    """A file: its synced content, and whether it was opened for writing since."""

    synced: bytes = b""
    is_dirty: bool = False


@dataclass
class Folder:
    """A folder: its entries, those that are synced, and the changes in between, each of which is atomic."""

    entries: dict[str, Node] = field(default_factory=dict)
    synced: dict[str, Node] = field(default_factory=dict)
    changes: list[dict[str, Node | None]] = field(default_factory=list)

    def change(self, names: dict[str, Node | None]) -> None:
        """Adds, replaces and removes (None) entries in one step."""
        self.changes.append(names)
        _apply(self.entries, names)

    def sync(self) -> None:
        """Makes all changes safe."""
        self.synced = dict(self.entries)
        self.changes.clear()


Node = File | Folder


def _apply(entries: dict[str, Node], names: dict[str, Node | None]) -> None:
    for name, node in names.items():
        entries.pop(name, None)
        if node is not None:
            entries[name] = node


class FileTree:
    """The files and folders below `root`, where the real ones are."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.top = _read(root)

    def node(self, path: str) -> Node | None:
        """Returns the file or folder at a path; None if there is none that the simulation has made."""
        node: Node | None = self.top
        for name in path[len(str(self.root)) + 1 :].split("/") if path != str(self.root) else ():
            node = node.entries.get(name) if isinstance(node, Folder) else None
        return node

    def folder_of(self, path: str) -> tuple[Folder | None, str]:
        """Returns the folder that has the last name of a path, and that name."""
        folder = self.node(os.path.dirname(path))
        return (folder if isinstance(folder, Folder) else None), os.path.basename(path)

    def lose_power(self, rng: random.Random, ignored: tuple[str, ...]) -> int:
        """Leaves what a loss of power may leave; returns how many changes are lost.

        Args:
            ignored: beginnings of the names of files that another library writes safely.
        """
        present = {id(node): _content(path) for node, path in _files(self.top, self.root) if node.is_dirty}
        lost = _cut(self.top, present, rng, rng.choice((0.0, 0.5, 0.9)))
        for path in _paths(self.root, ignored):
            if self.node(path) is None:
                os.unlink(path) if not os.path.isdir(path) else os.rmdir(path)
        _write(self.top, self.root)
        return lost


def _read(path: Path) -> Folder:
    entries: dict[str, Node] = {
        entry.name: _read(Path(entry.path)) if entry.is_dir() else File(Path(entry.path).read_bytes())
        for entry in os.scandir(path)
    }
    return Folder(entries, dict(entries))


def _files(folder: Folder, path: Path) -> Iterator[tuple[File, Path]]:
    for name, node in folder.entries.items():
        if isinstance(node, Folder):
            yield from _files(node, path / name)
        else:
            yield node, path / name


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _cut(folder: Folder, present: dict[int, bytes], rng: random.Random, share: float) -> int:
    """Decides what of a folder survives, each change with the probability `share`.

    Args:
        present: id of a file that is not synced -> its content.
    """
    lost, entries, blocked = 0, dict(folder.synced), set[str]()
    for names in folder.changes:
        # A change of a name survives only with the changes of that name before it.
        if blocked.isdisjoint(names) and rng.random() < share:
            _apply(entries, names)
        else:
            lost += 1
            blocked.update(names)
    for node in entries.values():
        if isinstance(node, Folder):
            lost += _cut(node, present, rng, share)
        elif node.is_dirty:
            node.synced, node.is_dirty = _torn(node.synced, present.get(id(node), b""), rng), False
            lost += 1
    folder.entries, folder.synced, folder.changes = entries, dict(entries), []
    return lost


def _torn(synced: bytes, present: bytes, rng: random.Random) -> bytes:
    """The content of a file that was not synced: the old one, nothing, a part, or all."""
    return rng.choice((synced, b"", present[: rng.randint(0, len(present))], present))


def _paths(folder: Path, ignored: tuple[str, ...]) -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(ignored):
            continue
        if entry.is_dir():
            yield from _paths(Path(entry.path), ignored)
        yield entry.path


def _write(folder: Folder, path: Path) -> None:
    for name, node in folder.entries.items():
        target = path / name
        if isinstance(node, Folder):
            target.mkdir(exist_ok=True)
            _write(node, target)
        else:
            target.write_bytes(node.synced)
