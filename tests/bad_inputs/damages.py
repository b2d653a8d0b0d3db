"""What may have happened to a file of an exported model, named from the folder of all models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

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


def reweighted(name: str, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Damage:
    """Other weights are in the file, which itself is intact."""

    def damage(folder: Path) -> None:
        path = folder / "models" / name / "model.safetensors"
        save_file(change(load_file(path)), path, {"format": "pt"})

    return damage


def no_numbers(name: str) -> Damage:
    """Every weight is NaN."""
    return reweighted(name, lambda weights: {name: weight * float("nan") for name, weight in weights.items()})


def renamed_weights(name: str) -> Damage:
    """Every weight has another name."""
    return reweighted(name, lambda weights: {f"x.{name}": weight for name, weight in weights.items()})


def weights_without(name: str, part: str) -> Damage:
    """Weights with `part` in their name are not there."""
    return reweighted(name, lambda weights: {name: weights[name] for name in weights if part not in name})


def whole_weights(name: str) -> Damage:
    """Weights are whole numbers, as in a quantized model."""
    return reweighted(name, lambda weights: {name: weight.to(torch.int8) for name, weight in weights.items()})
