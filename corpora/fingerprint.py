"""Content hashes: keys of cache entries, and hashes of files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def fingerprint(*parts: object) -> str:
    """Returns 16 hex digits of the sha256 of the parts as canonical JSON, equal in every process and on every machine.

    The order of keys does not matter; a tuple equals a list; 1, 1.0, "1" and True are different.

    Raises:
        TypeError: a part has other types than str, int, float, bool, None, list, tuple and dict. `Path` is refused on
            purpose, since data may move.
        ValueError: a number is NaN or infinite.
    """
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]


def file_sha256(path: str | Path) -> str:
    """Returns the sha256 of a file as 64 hex digits; raises `OSError` if the file cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
