"""Detects the encoding of a Korean text file: UTF-8, UTF-16 or UTF-32 with a BOM, or CP949."""

from __future__ import annotations

import codecs
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from foundation.errors import UserError

#: Returns the content of a file in pieces, from its beginning, as often as it is called.
Blocks = Callable[[], Iterable[bytes]]


def decode(path: Path, raw: bytes) -> tuple[str, str]:
    """Decodes the content `raw` of the file `path`; returns the text and the name of its encoding.

    Raises:
        UserError: the content has none of these encodings; the message says where each of them fails.
    """
    encoding = detect(path, raw[:4], lambda: [raw])
    return raw.decode(encoding.removesuffix("-sig")).lstrip("\ufeff"), encoding


def detect(path: Path, head: bytes, blocks: Blocks) -> str:
    """Returns the encoding of the file `path`, whose content is never in memory as a whole.

    Args:
        head: Its first bytes, at least four.

    Raises:
        UserError: the content has none of these encodings; the message says where each of them fails.
    """
    failures = []
    for encoding in _candidates(head):
        if (failure := _undecodable(blocks, encoding)) is not None:
            failures.append(failure)
        elif encoding != "cp949" or _reads_as_korean(blocks):
            return encoding
        else:
            failures.append("not CP949: decoded as CP949 it is not Korean")
    allowed = "UTF-8, UTF-16 or UTF-32 with a BOM, or CP949"
    raise UserError(f"{path}: unknown encoding\n    " + "\n    ".join(failures), allowed, "save the file as UTF-8")


def decoded_lines(lines: Iterable[bytes], name: str) -> Iterator[str]:
    """Yields the lines of a stream as they come, with the encoding of the first line that has more than ASCII.

    Args:
        name: Of the stream, for messages.

    Raises:
        UserError: A line is neither UTF-8 nor CP949, or has another encoding than those before it.
    """
    encoding = ""
    for number, line in enumerate(lines, 1):
        if encoding:
            try:
                text = line.decode(encoding)
            except UnicodeDecodeError as error:
                problem = f"{name}, line {number:,}: not {encoding.upper()}, as earlier lines are: {error.reason}"
                raise UserError(problem, "one encoding for all lines", "convert the lines to UTF-8") from None
        elif line.isascii() and b"\0" not in line:
            text = line.decode("ascii")
        else:
            text, encoding = decode(Path(f"{name}, line {number:,}"), line)
            encoding = encoding.removesuffix("-sig")
            if b"\0" in line:
                problem = f"{name}, line {number:,}: NUL bytes, as in UTF-16 and UTF-32"
                raise UserError(problem, "lines in UTF-8 or CP949", "convert the lines to UTF-8")
        yield from io.StringIO(text, newline=None)


def _candidates(head: bytes) -> tuple[str, ...]:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ("utf-32",)  # checked first, since its BOM begins with that of UTF-16
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return ("utf-8-sig",) if head.startswith(codecs.BOM_UTF8) else ("utf-8", "cp949")


def _undecodable(blocks: Blocks, encoding: str) -> str | None:
    """Returns where a file does not have an encoding; None if it has."""
    decoder, size = codecs.getincrementaldecoder(encoding.removesuffix("-sig"))(), 0
    try:
        for block in blocks():
            size += len(block)
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        offset = size - len(error.object) + error.start  # its object is the end of what was read
        line = _line_of(blocks, offset, error.encoding)
        return f"not {encoding.removesuffix('-sig').upper()}: byte offset {offset:,}, line {line:,}: {error.reason}"
    return None


def _line_of(blocks: Blocks, offset: int, encoding: str) -> int:
    decoder, line, position = codecs.getincrementaldecoder(encoding)("ignore"), 1, 0
    for block in blocks():
        line += decoder.decode(block[: max(0, offset - position)]).count("\n")
        position += len(block)
    return line


def _reads_as_korean(blocks: Blocks) -> bool:
    """Whether bytes that decode as CP949 are CP949, and not UTF-8 with a broken byte or a Western encoding.

    Both decode as CP949 without an error. But almost all Korean characters are in KS X 1001 (both bytes >= 0xA1);
    broken UTF-8 has more valid UTF-8 characters than such pairs, and Western texts have hardly any such pairs.
    """
    korean, unicode = codecs.getincrementaldecoder("cp949")(), codecs.getincrementaldecoder("utf-8")("replace")
    counts: Counter[str] = Counter()
    valid_utf8 = 0
    for block in blocks():
        counts.update(character for character in korean.decode(block) if character > "\x7f")
        valid_utf8 += sum(character > "\x7f" and character != "\ufffd" for character in unicode.decode(block))
    common = sum(count for character, count in counts.items() if min(character.encode("cp949")) >= 0xA1)
    return common > valid_utf8 and 2 * common >= counts.total()
