"""Checks that an output path can be written, before the work that makes the output."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from foundation.durable import remove_abandoned
from foundation.errors import UserError

#: Bytes of a name. File systems allow 255; the names of trials and temporary files are longer than the study's.
_MAX_NAME_BYTES = 200


def check_file(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """Checks that the file at `path`, the value of `option`, can be written or replaced.

    Also deletes what a killed process left when it wrote that file.

    Args:
        inputs: Files and folders that the command reads: nothing is written over or into them.

    Raises:
        UserError: It is a folder or a device, its folder does not exist, it cannot be written, or it is an input.
    """
    check_name(option, path.name)
    if os.path.isdir(path):
        raise UserError(f"{option} {path} is a folder", "a file in a folder that exists", f"{option} {path / 'NAME'}")
    if path.parent.exists() and not path.parent.is_dir():
        raise UserError(f"{option} {path}: {path.parent} is a file", "a file in a folder that exists", "choose another")
    if not path.parent.is_dir():
        problem = f"{option} {path}: there is no folder {path.parent}"
        todo = f"mkdir -p {shlex.quote(str(path.parent))}"
        raise UserError(problem, "a file in a folder that exists", todo)
    if os.path.exists(path) and not os.path.isfile(path):
        problem = f"{option} {path} is a device, a pipe or a socket, which would be replaced by a file"
        raise UserError(problem, "a new file, or one that may be replaced", "choose another name, or use > FILE")
    _check_inputs(option, path, inputs)
    if path.exists() and not os.access(path, os.W_OK):
        raise UserError(f"{option} {path} cannot be written", "a file that you may write", "choose another")
    _check_writable(option, path, path.parent)
    remove_abandoned(path)


def check_new_folder(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """Checks that a new folder can be made at `path`, the value of `option`, with its parents.

    Args:
        inputs: Files and folders that the command reads: nothing is written into them.

    Raises:
        UserError: It exists, a file is in the way, it cannot be written, or it is in an input.
    """
    check_name(option, path.name)
    if os.path.lexists(path):
        raise UserError(f"{path} already exists", "a new folder: nothing is overwritten", f"choose another {option}")
    _check_above(option, path, path)
    _check_inputs(option, path, inputs)


def check_folder(option: str, path: Path) -> None:
    """Checks that folders can be made in `path`, the value of `option`, which need not exist.

    Raises:
        UserError: A file is in the way, or it cannot be written.
    """
    for part in path.parts:
        check_name(option, part)
    _check_above(option, path, path / "inside")


def set_usual_permissions(folder: Path) -> None:
    """Gives the files in `folder` the permissions of any new file; safetensors makes its files private."""
    (pattern := folder / ".pattern").touch()
    permissions = stat.S_IMODE(pattern.stat().st_mode)
    pattern.unlink()
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(permissions)


def check_name(option: str, name: str) -> None:
    """Checks that files of that name, and the temporary files beside them, can be made.

    Raises:
        UserError: The name is too long for a file system.
    """
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        problem = f"{option} {name}: the name is too long"
        raise UserError(problem, f"at most {_MAX_NAME_BYTES} bytes", "choose a shorter name")


def _check_inputs(option: str, path: Path, inputs: Iterable[Path]) -> None:
    # Hard links have different paths, and the paths of new files exist only in part.
    real = Path(os.path.realpath(path))
    for source in inputs:
        if os.path.isfile(source) and os.path.exists(path) and os.path.samefile(path, source):
            raise UserError(f"{option} {path} is the file that is read", "another file", "choose another name")
        if os.path.isdir(source) and real.is_relative_to(os.path.realpath(source)):
            problem = f"{option} {path} is inside {source}, which is read"
            raise UserError(problem, "a place outside of it", "choose another folder")


def _check_above(option: str, path: Path, new: Path) -> None:
    above = next(folder for folder in new.absolute().parents if os.path.lexists(folder))
    if not os.path.isdir(above):
        raise UserError(f"{option} {path}: {above} is a file", "a folder, or a new path", "choose another")
    _check_writable(option, path, above)


def _check_writable(option: str, path: Path, folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):  # making a file needs both
        raise UserError(f"{option} {path}: {folder} cannot be written", "a folder that you may write", "choose another")
    try:
        tempfile.TemporaryFile(dir=folder).close()  # permissions do not tell all: root has them for /proc
    except OSError as error:
        problem = f"{option} {path}: {folder} cannot be written: {error.strerror}"
        raise UserError(problem, "a folder that you may write", "choose another") from None
