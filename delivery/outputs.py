"""Looks at where a result is to go before the work that makes it."""

from __future__ import annotations

import os
from pathlib import Path

from search_spaces.errors import UserError


def check_file(option: str, path: Path) -> None:
    """Check that a file can be written at `path`, which was given with `option`.

    Raises:
        UserError: it is a folder, its folder is not there, or nothing may be written into that.
    """
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder", "a file in a folder that exists", f"{option} {path / 'NAME'}")
    if not path.parent.is_dir():
        given = f"{option} {path}: there is no folder {path.parent}"
        raise UserError(given, "a file in a folder that exists", f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise UserError(
            f"{option} {path}: {path.parent} may not be written to", "a folder of your own", "choose another"
        )
