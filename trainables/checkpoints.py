"""Checkpoints of one trial: complete when their manifest is there, moved into place whole.

<trial>/checkpoints/step-00000120/   model.safetensors, config.json, generation_config.json,
                                     optimizer.pt, scheduler.pt, rng_state.pth, trainer_state.json,
                                     manifest.json (written last)
"""

from __future__ import annotations

import json
import logging
import shutil
import zlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from search_spaces.places import check_inside, check_links, plain_name
from trainables.durable import sync

_log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
#: What only going on needs; the model is read without it.
_RESUME_FILES = ("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin")


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Args:
        epoch: where it was taken: a rung, or between two where a machine was about to go.
        evaluated: the last rung before or at `epoch`; 0 before the first.
    """

    path: Path
    step: int
    epoch: float
    resumable: bool
    evaluated: float


@dataclass(frozen=True)
class _Manifest:
    step: int
    epoch: float
    resumable: bool
    files: dict[str, int]  # name -> bytes
    checks: dict[str, int] = field(default_factory=dict)  # name -> CRC-32
    evaluated: float | None = None  # None: at `epoch`


def staging(folder: Path, step: int) -> Path:
    """Where the checkpoint of `step` is written before it is complete."""
    return folder / f".step-{step:08d}.tmp"


def complete(folder: Path, step: int, *, epoch: float, resumable: bool, evaluated: float | None = None) -> Checkpoint:
    """Make the staged checkpoint of `step` durable and move it into place."""
    source = staging(folder, step)
    target = folder / f"step-{step:08d}"
    files = sorted(path for path in source.iterdir() if path.is_file())
    for path in files:
        sync(path)
    sizes, checks = ({path.name: found(path) for path in files} for found in (_size, _check))
    manifest = _Manifest(step, epoch, resumable, sizes, checks, evaluated)
    (source / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2), encoding="utf-8")
    sync(source / MANIFEST)
    if target.exists():  # an evaluation that is repeated after a crash
        shutil.rmtree(target)
    source.rename(target)
    sync(folder)
    return _described(target, manifest)


def list_complete(folder: Path) -> list[Checkpoint]:
    """All complete checkpoints, oldest first; whatever a crash left half-written is not among them."""
    found = []
    for path in sorted(folder.glob("step-*")) if folder.is_dir() else []:
        manifest = _read(path)
        if manifest is not None:
            found.append(_described(path, manifest))
    return found


def newest_resumable(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that training can go on from."""
    return next((point for point in reversed(list_complete(folder)) if point.resumable), None)


def newest_whole(folder: Path) -> Checkpoint | None:
    """As `newest_resumable`, of those whose bytes are still what was written; others are deleted."""
    while (point := newest_resumable(folder)) is not None:
        manifest = _read(point.path)
        if manifest is not None and all(_check(point.path / name) == sum for name, sum in manifest.checks.items()):
            return point
        _log.warning("checkpoint %s is damaged; the one before it is taken", point.path)
        shutil.rmtree(point.path)
    return None


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
    checks = {name: value for name, value in manifest.checks.items() if name in kept}
    stripped = replace(manifest, resumable=False, files=kept, checks=checks)
    replacement.write_text(json.dumps(asdict(stripped), indent=2))
    sync(replacement)
    replacement.rename(point.path / MANIFEST)  # first: a half-stripped checkpoint must not look resumable
    for name in gone:
        (point.path / name).unlink(missing_ok=True)


def _described(path: Path, manifest: _Manifest) -> Checkpoint:
    evaluated = manifest.epoch if manifest.evaluated is None else manifest.evaluated
    return Checkpoint(path, manifest.step, manifest.epoch, manifest.resumable, evaluated)


def _size(path: Path) -> int:
    return path.stat().st_size


def _check(path: Path) -> int:
    """CRC-32 of a file: a gigabyte in about a second."""
    found = 0
    with path.open("rb") as file:
        while part := file.read(1 << 24):
            found = zlib.crc32(part, found)
    return found


def _read(path: Path) -> _Manifest | None:
    try:
        manifest = _Manifest(**json.loads((path / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    _check_place(path, manifest)
    whole = all(
        (path / name).is_file() and (path / name).stat().st_size == size for name, size in manifest.files.items()
    )
    return manifest if whole else None


def _check_place(path: Path, manifest: _Manifest) -> None:
    check_inside(path, path.parent)
    check_links(path)
    for name in manifest.files:
        plain_name(name, str(path / MANIFEST))
