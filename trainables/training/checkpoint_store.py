"""Where the checkpoints of a trial lie: a folder, or a place in a bucket. What they are is said in `checkpoints`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from foundation import buckets
from foundation.durable import move_folder, write_text
from foundation.safe_paths import check_inside, check_links

#: Written last, and the first to go: a checkpoint without it is none.
MANIFEST = "manifest.json"


class CheckpointStore(Protocol):
    """One trial's checkpoints, each a folder of files with a name of its own."""

    def staging(self, name: str) -> Path:
        """A folder of this machine to write a checkpoint in."""

    def steps(self) -> dict[str, dict[str, int]]:
        """Every checkpoint, complete or not: its files and their sizes in bytes."""

    def manifest(self, name: str) -> bytes | None:
        """The manifest of a checkpoint."""

    def upload(self, name: str, files: Iterable[str]) -> None:
        """Bring staged files of this machine to where another one will put the checkpoint into place."""

    def uploaded(self, name: str) -> dict[str, int]:
        """What other machines brought, and its sizes."""

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        """Put a staged checkpoint into place, durably, in the place of an older one of its name."""

    def strip(self, name: str, files: Iterable[str], manifest: str) -> None:
        """Give a checkpoint another manifest, and then take `files` out of it."""

    def remove(self, name: str) -> None:
        """Delete a checkpoint."""

    def clear(self, *, leftovers: bool) -> None:
        """Delete everything; or, of a trial that ended, what was staged and never complete."""

    def path(self, name: str) -> Path | str:
        """The folder, or the address, of a checkpoint."""


def checkpoint_store_at(place: Path | str) -> CheckpointStore:
    """The shelf in a folder, or at an address in a bucket."""
    return InBucket(str(place)) if buckets.in_bucket(place) else InFolder(Path(place))


class InFolder:
    """Checkpoints are moved into place whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        return self._folder / name

    def staging(self, name: str) -> Path:
        return self._folder / f".{name}.tmp"

    def steps(self) -> dict[str, dict[str, int]]:
        places = sorted(self._folder.glob("step-*")) if self._folder.is_dir() else []
        return {place.name: self._sizes(place) for place in places}

    def _sizes(self, place: Path) -> dict[str, int]:
        try:
            return {file.name: file.stat().st_size for file in place.iterdir() if file.is_file()}
        except (FileNotFoundError, NotADirectoryError):  # deleted meanwhile, or none
            return {}

    def manifest(self, name: str) -> bytes | None:
        try:
            content = (self.path(name) / MANIFEST).read_bytes()
        except OSError:
            return None
        check_inside(self.path(name), self._folder)
        check_links(self.path(name))
        return content

    def upload(self, name: str, files: Iterable[str]) -> None:
        """Nothing: all machines write into one folder."""

    def uploaded(self, name: str) -> dict[str, int]:
        return {}

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        source, target = self.staging(name), self.path(name)
        (source / MANIFEST).write_text(manifest, encoding="utf-8")
        move_folder(source, target, overwrite=True)  # a repeated evaluation after a crash overwrites its checkpoint

    def strip(self, name: str, files: Iterable[str], manifest: str) -> None:
        write_text(self.path(name) / MANIFEST, manifest)
        for file in files:
            (self.path(name) / file).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.path(name), ignore_errors=True)

    def clear(self, *, leftovers: bool) -> None:
        for folder in self._folder.glob(".step-*.tmp") if leftovers else (self._folder,):
            shutil.rmtree(folder, ignore_errors=True)


class InBucket:
    """Nothing can be moved in a bucket: a checkpoint is there when its manifest is."""

    def __init__(self, address: str) -> None:
        self._address = address

    def path(self, name: str) -> str:
        return buckets.join(self._address, name)

    def staging(self, name: str) -> Path:
        return buckets.scratch("staged", self._address) / f".{name}.tmp"

    def steps(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for path, size in sorted(buckets.sizes(self._address).items()):
            name, _, file = path.partition("/")
            if name.startswith("step-"):
                found.setdefault(name, {})[file] = size
        return found

    def manifest(self, name: str) -> bytes | None:
        return buckets.read(buckets.join(self.path(name), MANIFEST))

    def upload(self, name: str, files: Iterable[str]) -> None:
        buckets.upload(self.staging(name), self.path(name), files)

    def uploaded(self, name: str) -> dict[str, int]:
        return {file: size for file, size in buckets.sizes(self.path(name)).items() if file != MANIFEST}

    def put(self, name: str, files: Iterable[str], manifest: str) -> None:
        buckets.remove(self.path(name), [MANIFEST])  # of an evaluation that is repeated after a crash
        buckets.upload(self.staging(name), self.path(name), files)
        buckets.write(buckets.join(self.path(name), MANIFEST), manifest.encode())
        shutil.rmtree(self.staging(name), ignore_errors=True)

    def strip(self, name: str, files: Iterable[str], manifest: str) -> None:
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
