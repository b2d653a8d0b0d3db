"""Checkpoints of one trial: complete when their manifest is there.

<trial>/checkpoints/step-00000120/   model.safetensors, config.json, generation_config.json,
                                     optimizer.pt, scheduler.pt, rng_state.pth, trainer_state.json, evaluations.json,
                                     manifest.json (written last)

The place of a trial's checkpoints is a folder or an address in a bucket; `shelves` knows both.
"""

from __future__ import annotations

import json
import logging
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from foundation import buckets
from foundation.safe_paths import plain_name
from trainables.training.checkpoint_store import MANIFEST, CheckpointStore, checkpoint_store_at

_log = logging.getLogger(__name__)

#: The trial's values up to a checkpoint: what is the best so far is decided by them.
EVALUATIONS = "evaluations.json"
#: What only going on needs; the model is read without it.
_RESUME_FILES = ("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin", EVALUATIONS)


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Args:
        path: its folder, or its address in a bucket.
        epoch: where it was taken: a rung, or between two where a machine was about to go or the search ended.
        evaluated: the last rung up to there that was judged; 0 before the first.
    """

    path: Path | str
    step: int
    epoch: float
    resumable: bool
    evaluated: float

    def here(self) -> Path:
        """A folder of this machine that holds its files, to be read only.

        Raises:
            OSError: the bucket does not answer, or the checkpoint went meanwhile.
        """
        return buckets.local_copy(self.path)


@dataclass(frozen=True)
class _Manifest:
    step: int
    epoch: float
    resumable: bool
    files: dict[str, int]  # name -> bytes
    checks: dict[str, int] = field(default_factory=dict)  # name -> CRC-32
    evaluated: float | None = None  # None: at `epoch`

    @property
    def text(self) -> str:
        return json.dumps(asdict(self), indent=2)


def staging(place: Path | str, step: int) -> Path:
    """The folder where the checkpoint of `step` is written before it is complete."""
    return checkpoint_store_at(place).staging(_name(step))


def upload(place: Path | str, step: int, files: Iterable[str]) -> None:
    """Bring what this worker staged to where the first one, maybe of another machine, completes the checkpoint.

    Raises:
        OSError: the bucket does not answer.
    """
    checkpoint_store_at(place).upload(_name(step), files)


def complete(
    place: Path | str, step: int, *, epoch: float, resumable: bool, evaluated: float | None = None
) -> Checkpoint:
    """Make the staged checkpoint of `step` durable and put it into place.

    Raises:
        OSError: the disk, or the bucket, cannot be written.
    """
    shelf, name = checkpoint_store_at(place), _name(step)
    files = sorted(path for path in shelf.staging(name).iterdir() if path.is_file() and path.name != MANIFEST)
    sizes, checks = ({path.name: found(path) for path in files} for found in (_size, _check))
    manifest = _Manifest(step, epoch, resumable, {**shelf.uploaded(name), **sizes}, checks, evaluated)
    shelf.put(name, sizes, manifest.text)
    return _described(shelf, name, manifest)


def list_complete(place: Path | str) -> list[Checkpoint]:
    """All complete checkpoints, oldest first; whatever a crash left half-written is not among them."""
    shelf = checkpoint_store_at(place)
    return [_described(shelf, name, manifest) for name, manifest in _whole(shelf).items()]


def newest_resumable(place: Path | str) -> Checkpoint | None:
    """The newest checkpoint that training can go on from."""
    return next((point for point in reversed(list_complete(place)) if point.resumable), None)


def newest_whole(place: Path | str) -> Checkpoint | None:
    """As `newest_resumable`, of those whose bytes are still what was written; others are deleted."""
    while (point := newest_resumable(place)) is not None:
        if _is_whole(point.here()):
            return point
        if not isinstance(point.path, Path):  # the copy may be what is damaged
            shutil.rmtree(point.here())
            if _is_whole(point.here()):
                return point
        _log.warning("checkpoint %s is damaged; the one before it is taken", point.path)
        remove(place, point)
    return None


def _is_whole(folder: Path) -> bool:
    manifest = _parsed((folder / MANIFEST).read_bytes(), str(folder))
    checks = manifest.checks.items() if manifest is not None else []
    return manifest is not None and all(_check(folder / name) == sum for name, sum in checks)


def remove(place: Path | str, point: Checkpoint) -> None:
    """Delete a checkpoint."""
    checkpoint_store_at(place).remove(_name(point.step))


def remove_all(place: Path | str) -> None:
    """Delete whatever lies where a trial keeps its checkpoints."""
    checkpoint_store_at(place).clear(leftovers=False)


def prune(place: Path | str, *, keep_epochs: set[float], keep_newest: bool) -> None:
    """Delete checkpoints but those of `keep_epochs` and, if asked, the newest resumable one.

    What only going on needs is taken out of the others that stay.
    """
    shelf = checkpoint_store_at(place)
    whole = _whole(shelf)
    newest = next((name for name in reversed(whole) if whole[name].resumable), None) if keep_newest else None
    for name, manifest in whole.items():
        if name == newest:
            continue
        if manifest.epoch in keep_epochs:
            _strip(shelf, name, manifest)
        else:
            shelf.remove(name)
    if not keep_newest:
        shelf.clear(leftovers=True)


def _strip(shelf: CheckpointStore, name: str, manifest: _Manifest) -> None:
    """Take out what only going on needs: two thirds of its size."""
    if not manifest.resumable:
        return
    gone = [file for file in manifest.files if file in _RESUME_FILES or file.startswith("rng_state")]
    kept = {file: size for file, size in manifest.files.items() if file not in gone}
    checks = {file: check for file, check in manifest.checks.items() if file in kept}
    # The manifest first: a half-stripped checkpoint must not look resumable.
    shelf.strip(name, gone, replace(manifest, resumable=False, files=kept, checks=checks).text)


def _whole(shelf: CheckpointStore) -> dict[str, _Manifest]:
    """Those whose manifest is there, and every file of it in its size; oldest first."""
    found = {}
    for name, sizes in shelf.steps().items():
        manifest = _parsed(shelf.manifest(name) if MANIFEST in sizes else None, str(shelf.path(name)))
        if manifest is not None and all(sizes.get(file) == size for file, size in manifest.files.items()):
            found[name] = manifest
    return found


def _parsed(content: bytes | None, where: str) -> _Manifest | None:
    try:
        manifest = _Manifest(**json.loads(content or b""))
    except (ValueError, TypeError):
        return None
    for name in (*manifest.files, *manifest.checks):
        plain_name(name, buckets.join(where, MANIFEST))
    return manifest


def _described(shelf: CheckpointStore, name: str, manifest: _Manifest) -> Checkpoint:
    evaluated = manifest.epoch if manifest.evaluated is None else manifest.evaluated
    return Checkpoint(shelf.path(name), manifest.step, manifest.epoch, manifest.resumable, evaluated)


def _name(step: int) -> str:
    return f"step-{step:08d}"


def _size(path: Path) -> int:
    return path.stat().st_size


def _check(path: Path) -> int:
    """CRC-32 of a file: a gigabyte in about a second."""
    found = 0
    with path.open("rb") as file:
        while part := file.read(1 << 24):
            found = zlib.crc32(part, found)
    return found
