"""Texts and column names as they are compared and shown."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence


def clean(text: str) -> str:
    """Composes Hangul (NFC) and strips whitespace."""
    return unicodedata.normalize("NFC", text).strip()


def column_name(column: str) -> str:
    """Normalizes a column name for comparisons."""
    return clean(column)  # macOS decomposes Hangul


def duplicates(names: Sequence[str]) -> list[str]:
    """Returns the names that occur more than once; columns without a name do not count."""
    return [name for name, count in Counter(names).items() if count > 1 and name]


def in_quotes(names: Sequence[str]) -> str:
    """Formats names for a message."""
    return ", ".join(map(repr, names)) or "none"
