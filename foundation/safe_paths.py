"""Checks of files and folders from others: regular files of bounded size, plain names, no link out of the folder."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from foundation.errors import UserError

#: Size of a file that is read, if there is no smaller limit for its kind.
MOST_BYTES = 1 << 32

_NOT_REGULAR = (errno.EINVAL, "it is no regular file")
_TODO = "do not use this folder unless you know who changed it"


def read_regular(path: Path, most: int = MOST_BYTES) -> bytes:
    """Returns the content of a file that may have been replaced by something that cannot be read to its end.

    Args:
        most: bytes.

    Raises:
        OSError: the file cannot be read, is a FIFO, a device or a socket, or is larger.
    """
    with open_regular(path) as file:
        check_size(file, path, most)
        return file.read()


def check_size(file: BinaryIO, path: Path, most: int = MOST_BYTES) -> None:
    """Checks that an open file has at most `most` bytes.

    Raises:
        OSError: it is larger.
    """
    size = os.fstat(file.fileno()).st_size
    if size > most:
        problem = f"it has {size / 1e6:,.1f} MB, and {most / 1e6:,.1f} MB are allowed"
        raise OSError(errno.EFBIG, problem, str(path))


def open_regular(path: Path, mode: Literal["rb", "ab"] = "rb") -> BinaryIO:
    """Opens a file to read it, or to append to it, without waiting for the other end of a FIFO.

    Raises:
        OSError: the file cannot be opened, or is a FIFO, a device or a socket.
    """
    flags = os.O_RDONLY if mode == "rb" else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    kind = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(kind):
        os.close(descriptor)
        number, problem = (errno.EISDIR, os.strerror(errno.EISDIR)) if stat.S_ISDIR(kind) else _NOT_REGULAR
        raise OSError(number, problem, str(path))
    return open(descriptor, mode)


def plain_name(name: object, where: str) -> str:
    """Returns `name`, which was read from the file `where`, if it is a plain file or folder name.

    Raises:
        UserError: the name is not a text, is empty, or contains a separator, a drive or a step up.
    """
    if isinstance(name, str) and name not in ("", ".", "..") and not re.search(r"[/\\\0]|^[A-Za-z]:", name):
        return name
    raise UserError(
        f"{where}: {name!r} is not a plain file name", "a name without / or \\, of a file in the folder", _TODO
    )


def check_inside(path: Path, folder: Path) -> None:
    """Checks that `path` is not a link and is inside `folder` after all links are followed.

    Raises:
        UserError: the path is a link or is outside.
    """
    real = Path(os.path.realpath(path))
    if path.is_symlink() or not real.is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{path} leads to {real}", f"a folder in {folder} that is not a link", _TODO)


def check_links(folder: Path, targets: Sequence[Path] = (), skip: Collection[str] = ()) -> None:
    """Checks every link in `folder`, at any depth.

    Args:
        targets: Folders that links may point into; without any, no link is allowed.
        skip: Names of top-level folders that are not checked.

    Raises:
        UserError: a link points elsewhere.
    """
    for above, folders, files in os.walk(folder):
        if above == str(folder):
            folders[:] = [name for name in folders if name not in skip]
        for path in (Path(above, name) for name in (*folders, *files)):
            if path.is_symlink():
                real = Path(os.path.realpath(path))
                if not any(real.is_relative_to(target) for target in targets):
                    todo = "replace the link by the files themselves, or do not use this folder"
                    raise UserError(
                        f"{path} is a link to {real}", "files and folders, and no link out of the folder", todo
                    )


def check_exported(folder: Path, settings_file: str, names: Sequence[object]) -> None:
    """Checks the links of an exported folder and the names in its settings.

    Links from `snapshots/REVISION/` to `blobs/`, of which the hub's cache consists, are allowed.

    Raises:
        UserError: a link or a name leads out of the folder.
    """
    for name in names:
        plain_name(name, str(folder / settings_file))
    real = Path(os.path.realpath(folder))
    check_links(folder, [real, *([real.parents[1] / "blobs"] if real.parent.name == "snapshots" else [])])
