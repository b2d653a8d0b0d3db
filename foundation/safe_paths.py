"""Folders that others may have made: names in their files stay names, and links lead nowhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from foundation.errors import UserError

_TODO = "do not use this folder, unless you know who changed it"


def plain_name(name: object, where: str) -> str:
    """`name`, read from the file `where`, if it is the name of a file or folder and no way to another place.

    Raises:
        UserError: it is none, or holds a separator, a drive or a step up.
    """
    if isinstance(name, str) and name not in ("", ".", "..") and not re.search(r"[/\\\0]|^[A-Za-z]:", name):
        return name
    raise UserError(f"{where}: {name!r} is no plain name", "a name without / or \\, of something in the folder", _TODO)


def check_inside(path: Path, folder: Path) -> None:
    """Check that `path`, links followed, lies in `folder` and is no link itself.

    Raises:
        UserError: it is elsewhere.
    """
    real = Path(os.path.realpath(path))
    if path.is_symlink() or not real.is_relative_to(os.path.realpath(folder)):
        raise UserError(f"{path} leads to {real}", f"a folder in {folder}, and no link", _TODO)


def check_links(folder: Path, targets: Sequence[Path] = (), passed: Collection[str] = ()) -> None:
    """Check every link in `folder`, at any depth.

    Args:
        targets: folders that links may lead into; none: there may be no link.
        passed: folders at the top that are not looked into.

    Raises:
        UserError: a link leads elsewhere.
    """
    for above, folders, files in os.walk(folder):
        if above == str(folder):
            folders[:] = [name for name in folders if name not in passed]
        for path in (Path(above, name) for name in (*folders, *files)):
            if path.is_symlink():
                real = Path(os.path.realpath(path))
                if not any(real.is_relative_to(target) for target in targets):
                    todo = "put the files themselves there, or do not use this folder"
                    raise UserError(f"{path} is a link to {real}", "files and folders, no link out of the folder", todo)


def check_exported(folder: Path, settings_file: str, names: Sequence[object]) -> None:
    """Check an exported folder: its links, and the names in its settings.

    The hub's cache is made of links, from `snapshots/REVISION/` to `blobs/` beside it; those are followed.

    Raises:
        UserError: something leads out of it.
    """
    for name in names:
        plain_name(name, str(folder / settings_file))
    real = Path(os.path.realpath(folder))
    check_links(folder, [real, *([real.parents[1] / "blobs"] if real.parent.name == "snapshots" else [])])
