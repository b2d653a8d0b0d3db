"""Storage of a trial's checkpoints: a folder, or an address in a bucket. Their content is defined in `checkpoints`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from foundation import buckets
from foundation.bucket_copies import scratch
from foundation.durable import make_folder, move_folder, write_text
from foundation.safe_paths import check_inside, check_links, read_regular

#: Written last and deleted first: without it, a checkpoint is incomplete.
MANIFEST = "manifest.json"


class CheckpointStore(Protocol):
    """The checkpoints of one trial, each a named folder of files."""

    def staging(self, name: str) -> Path:
        """Returns the local folder in which a checkpoint is written."""

    def steps(self) -> dict[str, dict[str, int]]:
        """Returns the files of every checkpoint, complete or not, with their sizes in bytes."""

    def manifest(self, name: str) -> bytes | None:
        """Returns the manifest of a checkpoint; None if there is none."""

    def upload(self, name: str, files: Iterable[str]) -> None:
        """Uploads staged files, for another machine to complete the checkpoint."""

    def uploaded(self, name: str) -> dict[str, int]:
        """Returns the files that other machines uploaded, with their sizes in bytes."""

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        """Moves a staged checkpoint into place, durably. Replaces an existing one with that name."""

    def drop_files(self, name: str, files: Iterable[str], manifest: str) -> None:
        """Replaces the manifest of a checkpoint, and then deletes `files`."""

    def remove(self, name: str) -> None:
        """Deletes a checkpoint."""

    def clear(self, *, leftovers: bool) -> None:
        """Deletes everything; or only the incomplete checkpoints (`leftovers`) of a trial that ended."""

    def path(self, name: str) -> Path | str:
        """Returns the folder, or the address, of a checkpoint."""


def checkpoint_store_at(folder: Path | str) -> CheckpointStore:
    """Returns the store for a folder or for an address in a bucket."""
    return BucketStore(str(folder)) if buckets.in_bucket(folder) else FolderStore(Path(folder))


class FolderStore:
    """Checkpoints in a folder; each appears at once, by a rename."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return self._folder / name

    def staging(self, name: str) -> Path:
        return self._folder / f".{name}.tmp"

    def steps(self) -> dict[str, dict[str, int]]:
        paths = sorted(self._folder.glob("step-*")) if self._folder.is_dir() else []
        return {path.name: self._sizes(path) for path in paths}

    def _sizes(self, path: Path) -> dict[str, int]:
        try:
            return {file.name: file.stat().st_size for file in path.iterdir() if file.is_file()}
        except (FileNotFoundError, NotADirectoryError):  # deleted meanwhile, or not a folder
            return {}

    def manifest(self, name: str) -> bytes | None:
        try:
            content = read_regular(self.path(name) / MANIFEST)
        except OSError:
            return None
        check_inside(self.path(name), self._folder)
        check_links(self.path(name))
        return content

    def upload(self, name: str, files: Iterable[str]) -> None:
        """Does nothing: all machines write into one folder."""

    def uploaded(self, name: str) -> dict[str, int]:
        return {}

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        source, target = self.staging(name), self.path(name)
        (source / MANIFEST).write_text(manifest, encoding="utf-8")
        make_folder(self._folder)  # it exists, but its own name may not be synced
        move_folder(source, target, overwrite=True)  # a repeated evaluation after a crash overwrites its checkpoint

    def drop_files(self, name: str, files: Iterable[str], manifest: str) -> None:
        write_text(self.path(name) / MANIFEST, manifest)
        for file in files:
            (self.path(name) / file).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.path(name), ignore_errors=True)

    def clear(self, *, leftovers: bool) -> None:
        for folder in self._folder.glob(".step-*.tmp") if leftovers else (self._folder,):
            shutil.rmtree(folder, ignore_errors=True)


class BucketStore:
    """Checkpoints in a bucket, which has no atomic rename: each appears when its manifest is written."""

    def __init__(self, address: str) -> None:
        self._address = address

    def path(self, name: str) -> str:
        return buckets.join(self._address, name)

    def staging(self, name: str) -> Path:
        return scratch("staged", self._address) / f".{name}.tmp"

    def steps(self) -> dict[str, dict[str, int]]:
        steps: dict[str, dict[str, int]] = {}
        for path, size in sorted(buckets.sizes(self._address).items()):
            name, _, file = path.partition("/")
            if name.startswith("step-"):
                steps.setdefault(name, {})[file] = size
        return steps

    def manifest(self, name: str) -> bytes | None:
        return buckets.read(buckets.join(self.path(name), MANIFEST))

    def upload(self, name: str, files: Iterable[str]) -> None:
        buckets.upload(self.staging(name), self.path(name), files)

    def uploaded(self, name: str) -> dict[str, int]:
        return {file: size for file, size in buckets.sizes(self.path(name)).items() if file != MANIFEST}

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        buckets.remove(self.path(name), [MANIFEST])  # exists if the evaluation is repeated after a crash
        buckets.upload(self.staging(name), self.path(name), files)
        buckets.write(buckets.join(self.path(name), MANIFEST), manifest.encode())
        shutil.rmtree(self.staging(name), ignore_errors=True)

    def drop_files(self, name: str, files: Iterable[str], manifest: str) -> None:
        buckets.write(buckets.join(self.path(name), MANIFEST), manifest.encode())
        buckets.remove(self.path(name), files)

    def remove(self, name: str) -> None:
        buckets.remove(self.path(name), [MANIFEST])
        buckets.remove(self.path(name))

    def clear(self, *, leftovers: bool) -> None:
        if leftovers:
            for name, files in self.steps().items():
                if MANIFEST not in files:
                    self.remove(name)
        else:
            buckets.remove(self._address)
