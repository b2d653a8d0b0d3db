"""Who may read what a study writes: its owner."""

from __future__ import annotations

import os
from pathlib import Path

OWNER_ONLY = 0o700


def make_private(folder: Path, *, exist_ok: bool = False) -> None:
    """Make a folder that nobody but its owner may enter, in folders with the usual rights; one that is there stays.

    Raises:
        FileExistsError: it is there, and that was not expected.
    """
    # The folder alone: who may not enter it reaches nothing in it, whatever rights Ray, W&B, SQLite and safetensors
    # give their files. `chmod -R g+rX STUDY` shares one with a group.
    folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=exist_ok)


def private_cache(storage: Path) -> Path:
    """The cache in a storage folder; where several people share that folder, everybody has one, the first `.cache`."""
    shared = storage / ".cache"
    if shared.exists() and not os.access(shared, os.R_OK | os.W_OK | os.X_OK):
        return storage / f".cache-{os.getuid()}"
    return shared
