"""Names for content: the key of a cache entry, and the hash of a file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def fingerprint(*parts: object) -> str:
    """16 hex digits of the sha256 over the parts as canonical JSON: the same in every process and on every machine.

    The order of a mapping's keys does not count; a tuple is a list; 1, 1.0, "1" and True are four different things.

    Raises:
        TypeError: a part is not made of str, int, float, bool, None, list, tuple and dict; a `Path` is not, since
            the same data may lie elsewhere tomorrow.
        ValueError: NaN or an infinity.
    """
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:16]


def file_sha256(path: str | Path) -> str:
    """64 hex digits over the bytes of a file, read in pieces. Raises `OSError` when it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
