"""Where studies lie: a folder, or a place in a bucket that this machine works on through a folder of its own.

A study in a bucket is whole there at any time: what the driver writes is copied out before anybody acts on it, what
workers write goes there at once. So it goes on from any machine that may read the bucket.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from foundation import buckets
from foundation.durable import retry_on_storage_error, write_json
from foundation.errors import UserError, first_line
from foundation.secrets import redact

#: What a driver does not need of a study: it is fetched by whoever does, or read by no program.
_LEFT_THERE = ("wandb/", "best_model/")
_HEAVY = ("base_model/", "given_data/", "sample_data/")
#: Seconds between two copies of what changes all the time.
_BETWEEN = 2.0
#: What was fetched: sizes and times there, and when it was written here. With a dot, as what is of this machine alone.
_FETCHED = ".fetched.json"


@dataclass(frozen=True)
class Storage:
    """A folder that holds all studies; `bucket` is the address of what it stands for, or empty."""

    folder: Path
    bucket: str = ""
    light: bool = False  # of a bucket records alone are fetched, no model and no data

    def __str__(self) -> str:
        return self.bucket or str(self.folder)

    def names(self) -> list[str]:
        """The studies that are there."""
        if not self.bucket:
            return [path.parent.name for path in sorted(self.folder.glob("[!.]*/study.yaml"))]
        return [name for name in buckets.folders(self.bucket) if not name.startswith(".")]

    def taken(self, name: str) -> bool:
        """Whether something of that name is there."""
        return self.has(name) if self.bucket else (self.folder / name).exists()

    def has(self, name: str) -> bool:
        """Whether a study of that name is there."""
        if not self.bucket:
            return (self.folder / name / "study.yaml").is_file()
        return buckets.read(buckets.join(self.bucket, name, "study.yaml")) is not None


def storage_at(given: str | Path, folder: Path | None = None) -> Storage:
    """The storage that `--storage` names.

    Args:
        folder: where this machine works on a bucket; None: the same place at every call.

    Raises:
        UserError: an address that is none.
    """
    if not buckets.in_bucket(given):
        if re.match(r"\w{2,}:/", str(given)):
            allowed = f"a folder, or a bucket: {', '.join(f'{scheme}BUCKET/…' for scheme in buckets.SCHEMES)}"
            raise UserError(f"--storage {redact(str(given))}", allowed, "check how it is written")
        return Storage(Path(given))
    address = str(given).rstrip("/")
    name = address.partition("://")[2].split("/")[0]
    if not re.fullmatch(r"[\w.-]+", name):
        todo = (
            "credentials are taken from the environment or the machine's role" if "@" in name else "check the address"
        )
        raise UserError(f"--storage {redact(str(given))}", "a bucket's name behind //", todo)
    return Storage(folder or buckets.scratch("studies", address), address)


@contextmanager
def readable_storage(given: str | Path, *, light: bool = False) -> Iterator[Storage]:
    """The storage for whoever only reads: what is fetched of a bucket stays away from the folder that is worked in.

    Args:
        light: nobody wants model or data.
    """
    if not buckets.in_bucket(given):
        yield storage_at(given)
        return
    with tempfile.TemporaryDirectory(prefix="kotune-") as folder:
        yield replace(storage_at(given, Path(folder)), light=light)


def check_writable(storage: Storage) -> None:
    """Write something into a bucket, and delete it.

    Raises:
        UserError: it cannot be.
    """
    if not storage.bucket:
        return
    try:
        buckets.write(buckets.join(storage.bucket, ".written", "test"), b"")
        buckets.remove(buckets.join(storage.bucket, ".written"))
    except OSError as error:
        given = f"--storage {storage}: {first_line(error)}"
        todo = "check the bucket's name, and the credentials and the endpoint in the environment (AWS_…, GOOGLE_…)"
        raise UserError(given, "a bucket that this machine may write to", todo) from error


def fetch(folder: Path, bucket: str, *, light: bool = False) -> None:
    """Make `folder` what lies at `bucket`, but for checkpoints and what only people read; `light`: and model and data.

    Raises:
        StorageLost: the bucket does not answer.
    """
    left = (".", *_LEFT_THERE, *(_HEAVY if light else ()))
    retry_on_storage_error(lambda: _fetch(folder, bucket, left), f"what lies in {bucket}", verb="read")


def _fetch(folder: Path, bucket: str, left: tuple[str, ...]) -> None:
    there = {
        name: list(about)
        for name, about in buckets.list_files(bucket).items()
        if not name.startswith(left) and "/checkpoints/" not in name
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        known = json.loads((folder / _FETCHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    for name in buckets.files_in(folder):
        if name not in there and not name.startswith("."):
            (folder / name).unlink()
    wanted = [name for name, about in there.items() if known.get(name) != [*about, _written(folder / name)]]
    buckets.download(bucket, folder, wanted)
    # What was written there in the last second may be written once more in it, and look the same.
    young = max((written for _, written in there.values()), default=0) - 2 * 10**9
    kept = {name: [*about, _written(folder / name)] for name, about in there.items() if about[1] < young}
    write_json(folder / _FETCHED, kept)


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def publish(path: Path, address: str) -> None:
    """Copy a file or a folder to its address in a bucket; a folder then holds there what it holds here.

    Raises:
        StorageLost: the bucket does not answer.
    """
    retry_on_storage_error(lambda: _publish(path, address), address)


def _publish(path: Path, address: str) -> None:
    if path.is_file():
        buckets.write(address, path.read_bytes())
        return
    older, names = buckets.sizes(address), buckets.files_in(path)
    buckets.upload(path, address, names)
    buckets.remove(address, older.keys() - names.keys())


class CopiedOut:
    """Copies of files that change all the time, brought to their addresses in a bucket beside the search.

    One that fails is made again with the next change: whoever goes on can do without the newest of them.

    Args:
        files: file -> its address; SQLite's are copied as they are between two transactions.
    """

    def __init__(self, files: Mapping[Path, str]) -> None:
        self._files = files
        self._changed, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="copied-out", daemon=True)
        self._thread.start()

    def changed(self) -> None:
        """Something did."""
        self._changed.set()

    def close(self, seconds: float) -> None:
        """Copy once more, and wait for that so long."""
        self._over.set()
        self._changed.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            self._changed.wait()
            self._changed.clear()
            over = self._over.is_set()  # before it copies: what changed until then is in the copies
            for file, address in self._files.items():
                with contextlib.suppress(OSError, sqlite3.Error):
                    self._copy(file, address)
            if over:
                return
            self._over.wait(_BETWEEN)

    def _copy(self, file: Path, address: str) -> None:
        if not file.is_file():
            return
        if file.suffix != ".db":
            buckets.write(address, file.read_bytes())
            return
        with tempfile.TemporaryDirectory(prefix="kotune-") as folder:
            copy = Path(folder) / file.name
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            buckets.write(address, copy.read_bytes())
