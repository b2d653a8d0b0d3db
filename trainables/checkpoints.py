"""Checkpoints of one trial: complete when their manifest is there, moved into place whole.

<trial>/checkpoints/step-00000120/   model.safetensors, config.json, generation_config.json,
                                     optimizer.pt, scheduler.pt, rng_state.pth, trainer_state.json,
                                     manifest.json (written last)
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"
#: What only going on needs; the model is read without it.
_RESUME_FILES = ("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin")


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint. `epoch` is the rung it was evaluated at, `value` the metric there."""

    path: Path
    step: int
    epoch: float
    resumable: bool


@dataclass(frozen=True)
class _Manifest:
    step: int
    epoch: float
    resumable: bool
    files: dict[str, int]  # name -> bytes


def staging(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` is written before it is complete."""
    return folder / f".step-{step:08d}.tmp"


def complete(folder: Path, step: int, *, epoch: float, resumable: bool) -> Checkpoint:
    """Make the staged checkpoint of `step` durable and move it into place."""
    source = staging(folder, step)
    target = folder / f"step-{step:08d}"
    files = sorted(path for path in source.iterdir() if path.is_file())
    for path in files:
        _sync(path)
    manifest = _Manifest(step, epoch, resumable, {path.name: path.stat().st_size for path in files})
    (source / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    _sync(source / MANIFEST)
    if target.exists():  # an evaluation that is repeated after a crash
        shutil.rmtree(target)
    source.rename(target)
    _sync(folder)
    return Checkpoint(target, step, epoch, resumable)


def list_complete(folder: Path) -> list[Checkpoint]:
    """All complete checkpoints, oldest first; whatever a crash left half-written is not among them."""
    found = []
    for path in sorted(folder.glob("step-*")) if folder.is_dir() else []:
        manifest = _read(path)
        if manifest is not None:
            found.append(Checkpoint(path, manifest.step, manifest.epoch, manifest.resumable))
    return found


def newest_resumable(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that training can go on from."""
    return next((point for point in reversed(list_complete(folder)) if point.resumable), None)


def prune(folder: Path, *, keep_epochs: set[float], keep_newest: bool) -> None:
    """Delete checkpoints but those of `keep_epochs` and, if asked, the newest resumable one.

    What only going on needs is taken out of the others that stay.
    """
    newest = newest_resumable(folder) if keep_newest else None
    for point in list_complete(folder):
        if newest is not None and point.path == newest.path:
            continue
        if point.epoch in keep_epochs:
            strip(point)
        else:
            shutil.rmtree(point.path, ignore_errors=True)
    for leftover in folder.glob(".step-*.tmp"):
        if not keep_newest:
            shutil.rmtree(leftover, ignore_errors=True)


def strip(point: Checkpoint) -> None:
    """Take out of a checkpoint what only going on needs: two thirds of its size."""
    if not point.resumable:
        return
    manifest = _read(point.path)
    if manifest is None:
        return
    gone = [name for name in manifest.files if name in _RESUME_FILES or name.startswith("rng_state")]
    kept = {name: size for name, size in manifest.files.items() if name not in gone}
    replacement = point.path / f".{MANIFEST}.tmp"
    replacement.write_text(json.dumps(asdict(_Manifest(manifest.step, manifest.epoch, False, kept)), indent=2))
    _sync(replacement)
    replacement.rename(point.path / MANIFEST)  # first: a half-stripped checkpoint must not look resumable
    for name in gone:
        (point.path / name).unlink(missing_ok=True)


def _read(path: Path) -> _Manifest | None:
    try:
        manifest = _Manifest(**json.loads((path / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    whole = all(
        (path / name).is_file() and (path / name).stat().st_size == size for name, size in manifest.files.items()
    )
    return manifest if whole else None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
