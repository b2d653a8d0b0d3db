"""What a malformed input is: files, a command, and what the one message about it must say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Held by the operating system while a command works on a study; the file itself stays, empty.
_LOCK = ".running.lock"

#: Damages the folder that a command is about to run in.
Damage = Callable[[Path], None]


@dataclass(frozen=True)
class Bad:
    """One malformed input.

    Args:
        command: the command line, as it is typed in a folder with `files`.
        says: what its message must say: the name of the file or option, the place in it, and what is wrong.
        files: written before the command runs, by name.
        needs: parts of the workshop (`runs`, `models`) that are copied beside them.
        damage: done to the folder at last.
        parts: which of `allowed:` and `to do:` the message must have.
    """

    command: str
    says: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    damage: Damage | None = None
    parts: tuple[str, ...] = ("allowed:", "to do:")

    @property
    def verb(self) -> str:
        """The command, such as `tune`."""
        return self.command.split()[0]

    def lay_out(self, folder: Path, workshop: Path) -> None:
        """Make what the command finds."""
        for name in self.needs:
            shutil.copytree(workshop / name, folder / name, symlinks=True)
            if (data := folder / name / "data.json").is_file():  # tables lie in the storage that they are read from
                shutil.copytree(workshop / "runs" / ".cache", folder / "runs" / ".cache")
                text = data.read_text(encoding="utf-8")
                data.write_text(text.replace(f"{workshop}/runs", f"{folder}/runs"), encoding="utf-8")
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        if self.damage:
            self.damage(folder)


def everything_in(folder: Path) -> dict[str, bytes | str]:
    """Name -> bytes, or what it is instead of a file, of everything below `folder`."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == _LOCK:
            continue
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        else:
            found[name] = path.read_bytes() if path.is_file() else "no file"
    return found
