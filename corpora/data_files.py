"""Data files that are read in pieces, as often as needed, and must not change between two readings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from foundation.errors import UserError, nearest
from foundation.safe_paths import check_size, open_regular

_BLOCK = 1 << 18  # bytes


@dataclass(frozen=True)
class DataFile:
    """A data file.

    Args:
        head: Its first bytes.
        state: What changes if the file is replaced or written.
    """

    path: Path
    head: bytes
    state: tuple[int, ...]

    @classmethod
    def at(cls, path: Path) -> DataFile:
        """Returns the file at `path`.

        Raises:
            UserError: There is none, or it cannot be read.
        """
        with _opened(path) as file:
            return cls(path, file.read(16), _state(file))

    def open(self) -> BinaryIO:
        """Opens the file at its beginning.

        Raises:
            UserError: The file has changed, or cannot be read any more.
        """
        file = _opened(self.path)
        try:
            self._check(file)
        except UserError:
            file.close()
            raise
        return file

    def blocks(self) -> Iterator[bytes]:
        """Yields the content in pieces."""
        with self.open() as file:
            while block := file.read(_BLOCK):
                yield block

    def is_blank(self) -> bool:
        """Whether there is nothing but whitespace."""
        return not any(block.strip() for block in self.blocks())

    @cached_property
    def sha256(self) -> str:
        """The hash of the content."""
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Checks that all readings gave the same content.

        Raises:
            UserError: The file has changed, or cannot be read any more.
        """
        self.open().close()

    def _check(self, file: BinaryIO) -> None:
        if _state(file) != self.state:
            problem = f"{self.path} was changed while it was read"
            raise UserError(problem, "a file that nothing writes", "run the command again")


def _state(file: BinaryIO) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _opened(path: Path) -> BinaryIO:
    try:
        file = open_regular(path)
        try:
            check_size(file, path)
        except OSError:
            file.close()
            raise
        return file
    except FileNotFoundError:
        siblings = path.parent.iterdir() if path.parent.is_dir() else []
        # Only the stem: equal suffixes would make different names similar.
        close = nearest(path.stem, [file.stem for file in siblings if file.suffix == path.suffix])
        todo = close.replace("'?", f"{path.suffix}'?") or "check the path"
        raise UserError(f"{path}: no such file", "an existing file", todo) from None
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", "a readable file", "check its permissions"
        ) from None
    except ValueError as error:  # a NUL in the name
        raise UserError(f"{str(path)!r} cannot be read: {error}", "a readable file", "check the path") from None
