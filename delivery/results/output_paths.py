"""Looks at where a result is to go before the work that makes it."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from foundation.errors import UserError

#: Bytes of a name. File systems take 255; a study's trials and half-written files have longer names than it has.
_LONGEST = 200


def check_file(option: str, path: Path) -> None:
    """Check that a file can be written at `path`, which was given with `option`; one that is there is written anew.

    Raises:
        UserError: it is a folder, its folder is not there, or nothing may be written there.
    """
    check_name(option, path.name)
    if os.path.isdir(path):
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
    check_name(option, path.name)
    if os.path.lexists(path):
        raise UserError(f"{path} is there already", "a new folder: nothing is overwritten", f"choose another {option}")
    _check_above(option, path)


def check_folder(option: str, path: Path) -> None:
    """Check that folders can be made in `path`, which was given with `option` and need not be there yet.

    Raises:
        UserError: a file is where a folder must be, or nothing may be written there.
    """
    for part in path.parts:
        check_name(option, part)
    _check_above(option, path / "inside")


def hand_on(folder: Path) -> None:
    """Give the files in `folder` the rights that a file made just so has; safetensors makes its own for their owner."""
    (pattern := folder / ".pattern").touch()
    rights = stat.S_IMODE(pattern.stat().st_mode)
    pattern.unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(rights)


def check_name(option: str, name: str) -> None:
    """Check that files of that name, and those that stand beside them while they are written, can be made.

    Raises:
        UserError: it is too long for a file system.
    """
    if len(os.fsencode(name)) > _LONGEST:
        raise UserError(f"{option} {name}: too long a name", f"at most {_LONGEST} bytes", "choose a shorter one")


def _check_above(option: str, path: Path) -> None:
    above = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not os.path.isdir(above):
        raise UserError(f"{option} {path}: {above} is a file", "a folder, or what can be made one", "choose another")
    _check_writable(option, path, above)


def _check_writable(option: str, path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):  # to make something in a folder, one must be let in too
        raise UserError(f"{option} {path}: {folder} may not be written to", "a folder of your own", "choose another")
