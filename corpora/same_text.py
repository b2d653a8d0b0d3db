"""When two texts are the same: equal up to Unicode composition, case and whitespace.

Splits, the remarks on texts that two splits share, and `filters.drop_duplicates` all compare texts by `text_key`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

#: Roles whose texts are compared with each other: the texts of a pair may stand in either order.
_KINDS = {"source": "text", "pair": "text"}


def text_key(text: str) -> str:
    """Returns the same key for texts that differ only in NFC composition, case and whitespace.

    All whitespace is removed, because Korean is often written with other spacing.
    """
    return unicodedata.normalize("NFC", "".join(text.casefold().split()))


def word_key(text: str) -> str:
    """Returns the text in lower case with single blanks, as earlier versions compared texts."""
    return " ".join(text.casefold().split())


def kind_of(role: str) -> str:
    """Returns what a role holds; texts are only compared with texts of the same kind."""
    return _KINDS.get(role, role)


def keys_of(row: Mapping[str, str], roles: Sequence[str], *, split_version: int) -> set[tuple[str, str]]:
    """Returns (kind, key) of each text of a row in these roles.

    Args:
        split_version: 1 compares as earlier versions did: by words, and only texts of the same role.
    """
    if split_version == 1:
        return {(role, word_key(row[role])) for role in roles}
    return {(kind_of(role), text_key(row[role])) for role in roles}
