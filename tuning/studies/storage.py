"""The storage of studies: a folder, or a place in a bucket, of which this machine has a working copy.

A study in a bucket is complete there at any time: the driver uploads what it writes before anything depends on it, and
workers write to the bucket directly. Any machine that can read the bucket can resume the study.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from foundation import buckets
from foundation.bucket_copies import scratch
from foundation.checked_json import read_json
from foundation.durable import retry_on_storage_error, write_json
from foundation.errors import UserError, first_line
from foundation.secrets import redact

#: Folders of a study that a driver does not download: it does not read them.
_NOT_DOWNLOADED = ("wandb/", "best_model/")
#: Folders that `status` does not need.
_HEAVY = ("base_model/", "given_data/", "sample_data/")
#: Seconds between two uploads of files that change all the time.
_UPLOAD_SECONDS = 2.0
#: Seconds after which log and notes of a study without a new result are uploaded.
_NOTES_SECONDS = 10.0
#: Sizes and times in the bucket of downloaded files, and when they were written here. Dot files are of one machine.
_FETCHED = ".fetched.json"


@dataclass(frozen=True)
class Storage:
    """A folder of studies.

    Args:
        bucket: The address of the bucket's folder that `folder` is a copy of; empty for a plain folder.
        light: Download records only, no model and no data.
    """

    folder: Path
    bucket: str = ""
    light: bool = False

    def __str__(self) -> str:
        return self.bucket or str(self.folder)

    def names(self) -> list[str]:
        """Returns the names of the studies."""
        if not self.bucket:
            return [path.parent.name for path in sorted(self.folder.glob("[!.]*/study.yaml"))]
        return [name for name in buckets.folders(self.bucket) if not name.startswith(".")]

    def is_taken(self, name: str) -> bool:
        """Whether a study or another file has that name."""
        return self.has(name) if self.bucket else (self.folder / name).exists()

    def has(self, name: str) -> bool:
        """Whether there is a study of that name."""
        if not self.bucket:
            return (self.folder / name / "study.yaml").is_file()
        return buckets.read(buckets.join(self.bucket, name, "study.yaml")) is not None


def storage_at(location: str | Path, folder: Path | None = None) -> Storage:
    """Returns the storage that `--storage` names.

    Args:
        folder: This machine's copy of a bucket; default: the same folder at every call.

    Raises:
        UserError: An invalid address.
    """
    if not buckets.in_bucket(location):
        if re.match(r"\w{2,}:/", str(location)):
            allowed = f"a folder, or a bucket: {', '.join(f'{scheme}BUCKET/…' for scheme in buckets.SCHEMES)}"
            raise UserError(f"--storage {redact(str(location))}", allowed, "check the spelling")
        return Storage(Path(location))
    address = str(location).rstrip("/")
    name = address.partition("://")[2].split("/")[0]
    if not re.fullmatch(r"[\w.-]+", name):
        todo = "credentials come from the environment or the machine's role" if "@" in name else "check the address"
        raise UserError(f"--storage {redact(str(location))}", "the name of a bucket after //", todo)
    return Storage(folder or scratch("studies", address), address)


@contextmanager
def readable_storage(location: str | Path, *, light: bool = False) -> Iterator[Storage]:
    """Yields the storage for a command that only reads: a bucket is downloaded to a temporary folder.

    Args:
        light: Download records only, no model and no data.
    """
    if not buckets.in_bucket(location):
        yield storage_at(location)
        return
    with tempfile.TemporaryDirectory(prefix="kotune-") as folder:
        yield replace(storage_at(location, Path(folder)), light=light)


def check_writable(storage: Storage) -> None:
    """Writes a file into a bucket and deletes it.

    Raises:
        UserError: The bucket cannot be written.
    """
    if not storage.bucket:
        return
    try:
        buckets.write(buckets.join(storage.bucket, ".written", "test"), b"")
        buckets.remove(buckets.join(storage.bucket, ".written"))
    except OSError as error:
        problem = f"--storage {storage}: {first_line(error)}"
        todo = "check the bucket's name, and the credentials and the endpoint in the environment (AWS_…, GOOGLE_…)"
        raise UserError(problem, "a bucket that this machine may write to", todo) from error


def fetch(folder: Path, bucket: str, *, light: bool = False) -> None:
    """Makes `folder` a copy of `bucket`, without checkpoints and exported models; `light`: without models and data.

    Raises:
        StorageLost: The bucket does not answer.
    """
    skipped = (".", *_NOT_DOWNLOADED, *(_HEAVY if light else ()))
    retry_on_storage_error(lambda: _fetch(folder, bucket, skipped), bucket, verb="read")


def _fetch(folder: Path, bucket: str, skipped: tuple[str, ...]) -> None:
    remote = {
        name: list(entry)
        for name, entry in buckets.list_files(bucket).items()
        if not name.startswith(skipped) and "/checkpoints/" not in name
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fetched = _fetched(folder / _FETCHED)
    for name in buckets.files_in(folder):
        if name not in remote and not name.startswith("."):
            (folder / name).unlink()
    changed = [name for name, entry in remote.items() if fetched.get(name) != [*entry, _written(folder / name)]]
    buckets.download(bucket, folder, changed)
    # A file that was written in the last seconds may be written again with the same size and time.
    newest = max((written for _, written in remote.values()), default=0) - 2 * 10**9
    settled = {name: [*entry, _written(folder / name)] for name, entry in remote.items() if entry[1] < newest}
    write_json(folder / _FETCHED, settled)


def _fetched(path: Path) -> dict[str, list[int]]:
    """Reads the list of downloaded files; without a readable list everything is downloaded again."""
    try:
        return read_json(path, dict[str, list[int]], todo="")
    except UserError:
        return {}


def _written(path: Path) -> int:
    return path.stat().st_mtime_ns if path.is_file() else 0


def publish(path: Path, address: str) -> None:
    """Uploads a file or a folder to its address in a bucket; other files of the folder are deleted there.

    Raises:
        StorageLost: The bucket does not answer.
    """
    retry_on_storage_error(lambda: _publish(path, address), address)


def _publish(path: Path, address: str) -> None:
    if path.is_file():
        buckets.write(address, path.read_bytes())
        return
    older, names = buckets.sizes(address), buckets.files_in(path)
    buckets.upload(path, address, names)
    buckets.remove(address, older.keys() - names.keys())


class BackgroundUpload:
    """Uploads files that change all the time to a bucket, in a thread.

    A failed upload is repeated with the next change: `resume` does not need the newest version of these files. Text
    files are also uploaded while nobody requests it, since the steps of running trials are in them.

    Args:
        files: File -> its address. SQLite files are copied as they are between two transactions.
    """

    def __init__(self, files: Mapping[Path, str]) -> None:
        self._files = files
        self._uploaded: dict[Path, int] = {}  # when the uploaded version was written
        self._changed, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="background-upload", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Requests an upload, since a file changed."""
        self._changed.set()

    def close(self, seconds: float) -> None:
        """Uploads a last time, and waits for that at most so long."""
        self._closed.set()
        self._changed.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        while True:
            if is_requested := self._changed.wait(_NOTES_SECONDS):
                self._changed.clear()
            is_last = self._closed.is_set()  # before the upload, which then has every change made until here
            for file, address in self._files.items():
                with contextlib.suppress(OSError, sqlite3.Error):
                    if is_requested or is_last or self._is_newer(file):
                        self._copy(file, address)
            if is_last:
                return
            self._closed.wait(_UPLOAD_SECONDS)

    def _is_newer(self, file: Path) -> bool:
        """Whether a text file has changed since its last upload; every change of a database is requested."""
        return file.suffix != ".db" and _written(file) != self._uploaded.get(file, 0)

    def _copy(self, file: Path, address: str) -> None:
        if not file.is_file():
            return
        written = _written(file)
        if file.suffix != ".db":
            buckets.write(address, file.read_bytes())
            self._uploaded[file] = written
            return
        with tempfile.TemporaryDirectory(prefix="kotune-") as folder:
            copy = Path(folder) / file.name
            with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
                source.backup(target)
            buckets.write(address, copy.read_bytes())
