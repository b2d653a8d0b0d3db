"""Looks at where a result is to go before the work that makes it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from search_spaces.errors import UserError


def check_file(option: str, path: Path) -> None:
    """Check that a file can be written at `path`, which was given with `option`; one that is there is written anew.

    Raises:
        UserError: it is a folder, its folder is not there, or nothing may be written there.
    """
    if path.is_dir():
        raise UserError(f"{option} {path} is a folder", "a file in a folder that exists", f"{option} {path / 'NAME'}")
    if path.parent.exists() and not path.parent.is_dir():
        raise UserError(f"{option} {path}: {path.parent} is a file", "a file in a folder that exists", "choose another")
    if not path.parent.is_dir():
        given, todo = f"{option} {path}: there is no folder {path.parent}", f"mkdir -p {shlex.quote(str(path.parent))}"
        raise UserError(given, "a file in a folder that exists", todo)
    if path.exists() and not os.access(path, os.W_OK):
        raise UserError(f"{option} {path} may not be written to", "a file of your own", "choose another")
    _check_writable(option, path, path.parent)


def check_new_folder(option: str, path: Path) -> None:
    """Check that a folder can be made at `path`, which was given with `option`, and those above it.

    Raises:
        UserError: it is there already, a file is where a folder must be, or nothing may be written there.
    """
    if path.exists() or path.is_symlink():
        raise UserError(f"{path} is there already", "a new folder: nothing is overwritten", f"choose another {option}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UserError(f"{option} {path}: {above} is a file", "a new folder", "choose another")
    _check_writable(option, path, above)


def _check_writable(option: str, path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):  # to make something in a folder, one must be let in too
        raise UserError(f"{option} {path}: {folder} may not be written to", "a folder of your own", "choose another")
