"""Tells how the bytes of a Korean text file are encoded: UTF-8, UTF-16 or UTF-32 with a BOM, or CP949."""

from __future__ import annotations

import codecs
from collections import Counter
from pathlib import Path

from foundation.errors import UserError


def decode(path: Path, raw: bytes) -> tuple[str, str]:
    """The text of the file `path`, which holds `raw`, and the name of its encoding.

    Raises:
        UserError: in none of the known encodings; the message says where each of them fails.
    """
    failures = []
    for encoding in _candidates(raw):
        try:
            text = raw.decode(encoding.removesuffix("-sig")).lstrip("\ufeff")
        except UnicodeDecodeError as error:
            failures.append(_undecodable(raw, encoding, error))
            continue
        if encoding != "cp949" or _reads_as_korean(raw, text):
            return text, encoding
        failures.append("not CP949: read as such it is not Korean")
    allowed = "UTF-8, UTF-16 or UTF-32 with a BOM, or CP949"
    raise UserError(f"{path}: unknown encoding\n    " + "\n    ".join(failures), allowed, "save the file as UTF-8")


def _candidates(raw: bytes) -> tuple[str, ...]:
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return ("utf-32",)  # asked first, since its BOM begins with that of UTF-16
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return ("utf-16",)
    return ("utf-8-sig",) if raw.startswith(codecs.BOM_UTF8) else ("utf-8", "cp949")


def _undecodable(raw: bytes, encoding: str, error: UnicodeDecodeError) -> str:
    line = raw[: error.start].decode(error.encoding, "ignore").count("\n") + 1
    return f"not {encoding.removesuffix('-sig').upper()}: byte offset {error.start:,}, line {line:,}: {error.reason}"


def _reads_as_korean(raw: bytes, text: str) -> bool:
    """Whether bytes that CP949 accepts are CP949, and not UTF-8 with a broken byte or a Western encoding.

    Both decode as CP949 without an error. But Korean is written almost wholly with KS X 1001 (both bytes >= 0xA1);
    broken UTF-8 still holds more valid UTF-8 characters than such pairs, and Western texts hold hardly any.
    """
    counts = Counter(character for character in text if character > "\x7f")
    common = sum(count for character, count in counts.items() if min(character.encode("cp949")) >= 0xA1)
    valid_utf8 = sum(character > "\x7f" and character != "\ufffd" for character in raw.decode("utf-8", "replace"))
    return common > valid_utf8 and 2 * common >= counts.total()
