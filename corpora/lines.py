"""The lines of a text file, one at a time; a line that never ends does not fill the memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import TextIO

from corpora.data_files import DataFile

#: Characters of a line, and of a field in quotation marks, that are read; more is a broken row.
LONGEST = 1 << 24

_BLOCK = 1 << 16  # characters


class Lines:
    """The lines of a file with their ends, which become "\\n" if they are those of classic Mac OS.

    Attributes:
        too_long: Numbers (from 1) of the lines of more than `LONGEST` characters so far, whose rest was left out.
        characters: Number of characters that were read.
    """

    def __init__(self, file: DataFile, encoding: str, newline: str) -> None:
        self._file, self._encoding, self._newline = file, encoding, newline
        self.too_long: set[int] = set()
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        newline = self._newline
        with open_text(self._file, self._encoding, newline) as text:
            for number, line in enumerate(iter(partial(text.readline, LONGEST), ""), 1):
                self.characters += len(line)
                if len(line) == LONGEST and line[-1] != newline:
                    self.too_long.add(number)
                    while (rest := text.readline(_BLOCK)) and rest[-1] != newline:
                        pass
                if number == 1:
                    line = line.lstrip("\ufeff")
                yield line if newline == "\n" else line.replace(newline, "\n")


def open_text(file: DataFile, encoding: str, newline: str = "\n") -> TextIO:
    """Opens a file with an encoding of `corpora.encodings.detect`; its byte order mark may be the first character.

    Args:
        newline: What ends a line; it is not translated.
    """
    return io.TextIOWrapper(file.open(), encoding.removesuffix("-sig"), newline=newline)


def newline_of(file: DataFile, encoding: str) -> str:
    """Returns the character that ends a line: a carriage return in a file of classic Mac OS."""
    with open_text(file, encoding) as text:
        return "\n" if any("\n" in block for block in iter(partial(text.read, _BLOCK), "")) else "\r"


def too_long() -> str:
    """Returns the reason why a line cannot be read."""
    return f"longer than {LONGEST:,} characters"
