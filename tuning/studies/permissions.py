"""Permissions of the folders that a study writes: only their owner can enter them."""

from __future__ import annotations

import os
from pathlib import Path

OWNER_ONLY = 0o700


def make_private(folder: Path, *, exist_ok: bool = False) -> None:
    """Makes a folder that only its owner can enter; its parents have the usual permissions, and so has an existing one.

    Raises:
        FileExistsError: The folder exists, and `exist_ok` is False.
    """
    # The folder alone is enough: nothing in it can be reached, whatever permissions Ray, W&B, SQLite and safetensors
    # give their files. `chmod -R g+rX STUDY` shares one with a group.
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=exist_ok)


def private_cache(storage: Path) -> Path:
    """Returns the cache of a storage folder: `.cache`, or one per user if `.cache` belongs to another user."""
    shared = storage / ".cache"
    if shared.exists() and not os.access(shared, os.R_OK | os.W_OK | os.X_OK):
        return storage / f".cache-{os.getuid()}"
    return shared
