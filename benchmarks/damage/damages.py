"""What may happen to a file: it is cut, overwritten, deleted, or something else is in its place."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import yaml

#: What other programs and people write into a field.
_OTHER_VALUES = (None, "x", [1], {}, -1, 10**15, 0.5, True)


def _cut(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: draw.randrange(1, max(2, len(content)))])


def _empty(path: Path, draw: random.Random) -> None:
    path.write_bytes(b"")


def _zero(path: Path, draw: random.Random) -> None:
    """As after a crash of a file system: the size is right, and the content is not."""
    path.write_bytes(bytes(path.stat().st_size))


def _flip(path: Path, draw: random.Random) -> None:
    """One bit; of weights in the second half, which holds tensors."""
    content = bytearray(path.read_bytes())
    if content:
        content[draw.randrange(len(content) // 2, len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _delete(path: Path, draw: random.Random) -> None:
    path.unlink()


def _folder(path: Path, draw: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path, draw: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path, draw: random.Random) -> None:
    """To a file of the system."""
    path.unlink()
    path.symlink_to("/etc/passwd")


def _null(path: Path, draw: random.Random) -> None:
    path.write_text("null", encoding="utf-8")


def _list(path: Path, draw: random.Random) -> None:
    path.write_text('[{"a": [1, null, "x"]}]', encoding="utf-8")


def _field(path: Path, draw: random.Random) -> None:
    """One field of a JSON or YAML file has a value of another type; other files get random bytes."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        content = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (ValueError, yaml.YAMLError):
        content = None
    if not isinstance(content, dict) or not content:
        path.write_bytes(draw.randbytes(path.stat().st_size or 64))
        return
    holder, key = content, draw.choice(sorted(content))
    while isinstance(holder[key], dict) and holder[key] and draw.random() < 0.7:
        holder = holder[key]
        key = draw.choice(sorted(holder))
    holder[key] = draw.choice([value for value in _OTHER_VALUES if value != holder[key]])
    dump = yaml.safe_dump if path.suffix == ".yaml" else json.dumps
    path.write_text(dump(content), encoding="utf-8")


def _version(path: Path, draw: random.Random) -> None:
    """A later version wrote it: a field that this one does not have, and another version number."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if isinstance(content, dict):
        path.write_text(json.dumps({**content, "version": 10**6, "of_later": [1]}), encoding="utf-8")
    else:
        path.write_bytes(b"version 1000000\n" + path.read_bytes())


#: Name -> a function of the file and a random number generator.
DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "cut": _cut,
    "empty": _empty,
    "zero": _zero,
    "flip": _flip,
    "delete": _delete,
    "folder": _folder,
    "fifo": _fifo,
    "link": _link,
    "null": _null,
    "list": _list,
    "field": _field,
    "version": _version,
}
