"""Texts and column names as they are compared and shown."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

#: Hangul fillers and the empty Braille pattern: letters and symbols to Unicode, but nothing is drawn.
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"

#: Whitespace, fillers, and marks that programs write at the ends of texts: that of the byte order (in the middle of
#: files that were joined), those of the direction, blanks of no width.
_ENDS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + _FILLERS + "\ufeff\u200b\u200e\u200f\u2060"


def clean(text: str) -> str:
    """Composes Hangul (NFC) and strips whitespace and invisible marks from both ends."""
    return unicodedata.normalize("NFC", text).strip(_ENDS)


def is_visible(text: str) -> bool:
    """Returns whether anything of a text is drawn."""
    return any(map(_is_drawn, text))


def drawn(text: str) -> str:
    """Returns what is drawn of a text: no control or formatting characters, and whitespace as single blanks."""
    return " ".join("".join(filter(lambda one: one.isspace() or _is_drawn(one), text)).split())


def _is_drawn(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Zs", "Zl", "Zp") and character not in _FILLERS


def column_name(column: str) -> str:
    """Normalizes a column name for comparisons."""
    return clean(column)  # macOS decomposes Hangul


def duplicates(names: Sequence[str]) -> list[str]:
    """Returns the names that occur more than once; columns without a name do not count."""
    return [name for name, count in Counter(names).items() if count > 1 and name]


def in_quotes(names: Sequence[str]) -> str:
    """Formats names for a message."""
    return ", ".join(map(repr, names)) or "none"
