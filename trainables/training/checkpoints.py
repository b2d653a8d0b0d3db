"""Checkpoints of one trial. A checkpoint is complete when its manifest exists.

<trial>/checkpoints/step-00000120/   model.safetensors, config.json, generation_config.json,
                                     optimizer.pt, scheduler.pt, rng_state.pth, trainer_state.json, evaluations.json,
                                     manifest.json (written last)

The folder of a trial's checkpoints may be an address in a bucket; `checkpoint_store` implements both.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec.structs import replace

from foundation import buckets
from foundation.bucket_copies import local_copy
from foundation.checked_json import decode_json, plain
from foundation.checksums import damaged_files, file_crc32
from foundation.errors import UserError
from foundation.safe_paths import plain_name, read_regular
from trainables.training.checkpoint_store import MANIFEST, CheckpointStore, checkpoint_store_at

_log = logging.getLogger(__name__)

#: The trial's evaluations up to a checkpoint, which decide what the best one is.
EVALUATIONS = "evaluations.json"
#: Files that only resuming needs; the model can be read without them.
_RESUME_FILES = ("optimizer.pt", "scheduler.pt", "scaler.pt", "trainer_state.json", "training_args.bin", EVALUATIONS)


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint.

    Args:
        path: its folder, or its address in a bucket.
        epoch: that of an evaluation; or between two if the machine was about to be taken away or the search ended.
        resumable: whether training can resume from it; otherwise it holds the model only.
        evaluated: epoch of the last evaluation up to there that was decided; 0 before the first.
    """

    path: Path | str
    step: int
    epoch: float
    resumable: bool
    evaluated: float

    def local_folder(self) -> Path:
        """Returns a local folder with its files, for reading only.

        Raises:
            OSError: the bucket does not respond, or the checkpoint was deleted meanwhile.
        """
        return local_copy(self.path)


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `manifest.json`.

    Args:
        files: name -> size in bytes.
        checks: name -> CRC-32; without the files that other machines uploaded.
        evaluated: as in `Checkpoint`; None if it equals `epoch`.
    """

    step: int
    epoch: float
    resumable: bool
    files: dict[str, int]
    checks: dict[str, int] = {}
    evaluated: float | None = None

    @property
    def text(self) -> str:
        return json.dumps(plain(self), indent=2)


def staging(folder: Path | str, step: int) -> Path:
    """Returns the local folder in which the checkpoint of `step` is written before it is complete."""
    return checkpoint_store_at(folder).staging(_name(step))


def upload(folder: Path | str, step: int, files: Iterable[str]) -> None:
    """Uploads staged files of this worker, so that rank 0 can complete the checkpoint on another machine.

    Raises:
        OSError: the bucket does not respond.
    """
    checkpoint_store_at(folder).upload(_name(step), files)


def complete(
    folder: Path | str, step: int, *, epoch: float, resumable: bool, evaluated: float | None = None
) -> Checkpoint:
    """Moves the staged checkpoint of `step` into place, durably.

    Raises:
        OSError: the disk, or the bucket, cannot be written.
    """
    store, name = checkpoint_store_at(folder), _name(step)
    files = sorted(path for path in store.staging(name).iterdir() if path.is_file() and path.name != MANIFEST)
    sizes = {path.name: path.stat().st_size for path in files}
    checks = {path.name: file_crc32(path) for path in files}
    manifest = _Manifest(step, epoch, resumable, {**store.uploaded(name), **sizes}, checks, evaluated)
    store.put(name, sizes, manifest.text)
    return _described(store, name, manifest)


def list_complete(folder: Path | str) -> list[Checkpoint]:
    """Returns all complete checkpoints, oldest first. Incomplete ones, left by a crash, are skipped."""
    store = checkpoint_store_at(folder)
    return [_described(store, name, manifest) for name, manifest in _manifests(store).items()]


def newest_resumable(folder: Path | str) -> Checkpoint | None:
    """Returns the newest checkpoint that training can resume from."""
    return next((checkpoint for checkpoint in reversed(list_complete(folder)) if checkpoint.resumable), None)


def newest_intact(folder: Path | str) -> Checkpoint | None:
    """Returns the newest resumable checkpoint whose checksums are right; deletes the damaged ones."""
    while (checkpoint := newest_resumable(folder)) is not None:
        if not damaged(checkpoint):
            return checkpoint
        _log.warning("checkpoint %s is damaged; the previous one is used", checkpoint.path)
        remove(folder, checkpoint)
    return None


def damaged(checkpoint: Checkpoint) -> list[str]:
    """Returns the names of a checkpoint's files whose checksums are wrong.

    Raises:
        OSError: the bucket does not respond, or the checkpoint was deleted meanwhile.
    """
    names = _damaged_in(checkpoint.local_folder())
    if names and not isinstance(checkpoint.path, Path):  # the local copy may be damaged, not the one in the bucket
        shutil.rmtree(checkpoint.local_folder())
        names = _damaged_in(checkpoint.local_folder())
    return names


def _damaged_in(folder: Path) -> list[str]:
    manifest = _decoded(read_regular(folder / MANIFEST), str(folder))
    return [MANIFEST] if manifest is None else damaged_files(folder, manifest.checks)


def remove(folder: Path | str, checkpoint: Checkpoint) -> None:
    """Deletes a checkpoint."""
    checkpoint_store_at(folder).remove(_name(checkpoint.step))


def remove_all(folder: Path | str) -> None:
    """Deletes all checkpoints of a trial, complete or not."""
    checkpoint_store_at(folder).clear(leftovers=False)


def prune(folder: Path | str, *, keep_epochs: set[float], keep_newest: bool) -> None:
    """Deletes all checkpoints except those of `keep_epochs` and, optionally, the newest resumable one.

    The others that are kept lose the files that only resuming needs.
    """
    store = checkpoint_store_at(folder)
    manifests = _manifests(store)
    newest = next((name for name in reversed(manifests) if manifests[name].resumable), None) if keep_newest else None
    for name, manifest in manifests.items():
        if name == newest:
            continue
        if manifest.epoch in keep_epochs:
            _drop_optimizer_state(store, name, manifest)
        else:
            store.remove(name)
    if not keep_newest:
        store.clear(leftovers=True)


def _drop_optimizer_state(store: CheckpointStore, name: str, manifest: _Manifest) -> None:
    """Deletes what only resuming needs: two thirds of a checkpoint's size."""
    if not manifest.resumable:
        return
    dropped = [file for file in manifest.files if file in _RESUME_FILES or file.startswith("rng_state")]
    files = {file: size for file, size in manifest.files.items() if file not in dropped}
    checks = {file: check for file, check in manifest.checks.items() if file in files}
    # The manifest first: after a crash in between, the checkpoint must not look resumable.
    store.drop_files(name, dropped, replace(manifest, resumable=False, files=files, checks=checks).text)


def _manifests(store: CheckpointStore) -> dict[str, _Manifest]:
    """Returns the manifests of the checkpoints whose files exist in the right size, oldest first."""
    manifests = {}
    for name, sizes in store.steps().items():
        manifest = _decoded(store.manifest(name) if MANIFEST in sizes else None, str(store.path(name)))
        if manifest is not None and all(sizes.get(file) == size for file, size in manifest.files.items()):
            manifests[name] = manifest
    return manifests


def _decoded(content: bytes | None, where: str) -> _Manifest | None:
    """Returns a manifest; None if it does not exist or is damaged.

    Raises:
        UserError: the manifest names a file outside of the checkpoint.
    """
    path = buckets.join(where, MANIFEST)
    try:
        manifest = decode_json(content or b"", _Manifest, path, "")
    except UserError:
        return None
    for name in (*manifest.files, *manifest.checks):
        plain_name(name, path)
    return manifest


def _described(store: CheckpointStore, name: str, manifest: _Manifest) -> Checkpoint:
    evaluated = manifest.epoch if manifest.evaluated is None else manifest.evaluated
    return Checkpoint(store.path(name), manifest.step, manifest.epoch, manifest.resumable, evaluated)


def _name(step: int) -> str:
    return f"step-{step:08d}"
