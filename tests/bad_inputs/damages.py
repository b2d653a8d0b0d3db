"""What may have happened to a file of an exported model, named from the folder of all models."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.bad_inputs.cases import Damage


def written(name: str, content: str | bytes) -> Damage:
    """A file holds something else."""

    def damage(folder: Path) -> None:
        (folder / "models" / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def cut(name: str, keep: int) -> Damage:
    """Only its first bytes are left."""

    def damage(folder: Path) -> None:
        path = folder / "models" / name
        path.write_bytes(path.read_bytes()[:keep])

    return damage


def gone(name: str) -> Damage:
    """It is not there."""
    return lambda folder: (folder / "models" / name).unlink()


def changed(name: str, **changes: Any) -> Damage:
    """Fields of its JSON object have other values, or with `...` are not there."""

    def damage(folder: Path) -> None:
        path = folder / "models" / name
        content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
        kept = {key: value for key, value in content.items() if value is not ...}
        path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")

    return damage


def indexed(name: str, **weight_map: Any) -> Damage:
    """The weights of a model are replaced by an index of weights in several files."""

    def damage(folder: Path) -> None:
        model = folder / "models" / name
        (model / "model.safetensors").unlink()
        index = {"metadata": {}, "weight_map": weight_map}
        (model / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")

    return damage


def fifo(name: str) -> Damage:
    """A FIFO is in the place of a file: who opens it waits for a writer."""

    def damage(folder: Path) -> None:
        (folder / "models" / name).unlink(missing_ok=True)
        os.mkfifo(folder / "models" / name)

    return damage
