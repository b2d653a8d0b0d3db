"""Where files lie: a folder of this machine, or a place in a bucket (`s3://BUCKET/…`, `gs://BUCKET/…`).

An address is a string. Credentials come from where the cloud's own programs look for them (environment, profile,
instance role) and never stand in an address. Tried with moto's server: tests/foundation/test_buckets.py.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from foundation.durable import new_folder, write_text
from foundation.errors import UserError, first_line
from foundation.secrets import redact, redacted

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

SCHEMES = ("s3://", "gs://")

#: Files that travel at once, and how many bytes of one are held at a time.
_SIDE_BY_SIDE, _PART = 8, 1 << 24

#: After so long a copy that nobody asked for is deleted.
_UNUSED_SECONDS = 6 * 3600.0


def in_bucket(address: str | Path) -> bool:
    """Whether an address is one in a bucket."""
    return str(address).startswith(SCHEMES)


def join(address: str | Path, *names: str) -> str:
    """The address of what lies in the folder `address`."""
    return "/".join([str(address).rstrip("/"), *names])


@cache
def _filesystem(bucket: str) -> FileSystem:
    """What talks to a bucket (`s3://NAME`); one per process, since it keeps its connections."""
    from pyarrow.fs import FileSystem  # here, since it takes a second

    return FileSystem.from_uri(bucket)[0]


def _parted(address: str) -> tuple[FileSystem, str]:
    scheme, _, rest = address.partition("://")
    name, _, inside = rest.partition("/")
    with _told(address):
        return _filesystem(f"{scheme}://{name}"), f"{name}/{inside}".rstrip("/")


@contextmanager
def _told(address: str) -> Iterator[None]:
    """What the client says of a bucket that does not answer, as the error of a storage that may come back."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:  # this machine's disk is full
            raise
        raise OSError(errno.EIO, f"{address}: {redact(first_line(error))}") from error


def read(address: str) -> bytes | None:
    """What the file at `address` (a path, or in a bucket) holds; None if there is none.

    Raises:
        OSError: it cannot be read, or the bucket does not answer.
    """
    if not in_bucket(address):
        with contextlib.suppress(FileNotFoundError):
            return Path(address).read_bytes()
        return None
    system, path = _parted(address)
    with contextlib.suppress(FileNotFoundError), _told(address), system.open_input_stream(path) as stream:
        return bytes(stream.read())
    return None


def read_each(addresses: Iterable[str]) -> list[bytes | None]:
    """As `read`, of many side by side, in their order; None also of what cannot be read."""

    def tried(address: str) -> bytes | None:
        with contextlib.suppress(OSError):
            return read(address)
        return None

    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        return list(pool.map(tried, addresses))


def write(address: str, content: bytes) -> None:
    """Write the file at `address` (a path, or in a bucket), whole or not at all.

    Raises:
        OSError: it cannot be written, or the bucket does not answer.
    """
    if not in_bucket(address):
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(address), content.decode())
        return
    system, path = _parted(address)
    with _told(address), system.open_output_stream(path) as stream:
        stream.write(content)


def write_json(address: str, value: object) -> None:
    """As `write`, without keys and tokens."""
    write(address, json.dumps(redacted(value), ensure_ascii=False, indent=2).encode())


def sizes(address: str) -> dict[str, int]:
    """Every file below `address`, by its name from there, and its size in bytes; none where nothing is."""
    return {name: size for name, (size, _) in listed(address).items()}


def listed(address: str) -> dict[str, tuple[int, int]]:
    """As `sizes`, each with the nanosecond in which it was written.

    Raises:
        OSError: the bucket does not answer.
    """
    from pyarrow.fs import FileType

    return {
        name: (info.size, info.mtime_ns or 0)
        for name, info in _looked(address, recursive=True).items()
        if info.type == FileType.File
    }


def folders(address: str) -> list[str]:
    """The names of the folders at `address`.

    Raises:
        OSError: the bucket does not answer.
    """
    from pyarrow.fs import FileType

    found = _looked(address, recursive=False)
    names = {name for name, info in found.items() if info.type == FileType.Directory}
    if address.startswith("gs://"):  # where Arrow knows only folders that somebody made
        names |= {name.split("/")[0] for name in sizes(address) if "/" in name}
    return sorted(names)


def _looked(address: str, *, recursive: bool) -> dict[str, FileInfo]:
    from pyarrow.fs import FileSelector

    system, path = _parted(address)
    with _told(address):
        found = system.get_file_info(FileSelector(path, recursive=recursive, allow_not_found=True))
    return {info.path[len(path) + 1 :]: info for info in found}


def files_in(folder: Path) -> dict[str, int]:
    """What `sizes` answers of a bucket, of a folder of this machine."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}


def upload(folder: Path, address: str, names: Iterable[str] | None = None) -> None:
    """Copy files of a folder (those named, or all at any depth) to `address`, side by side.

    Raises:
        OSError: the bucket does not answer.
    """
    system, path = _parted(address)
    wanted = files_in(folder) if names is None else names
    _together(lambda name: _copy(None, folder / name, system, f"{path}/{name}"), wanted)


def download(address: str, folder: Path, names: Iterable[str] | None = None) -> None:
    """Copy what lies below `address` (what is named, or all) into a folder, side by side.

    Raises:
        OSError: the bucket does not answer.
        UserError: a name there leads out of the folder.
    """
    system, path = _parted(address)
    wanted = [*(sizes(address) if names is None else names)]
    for name in wanted:
        if ".." in name.split("/") or name.startswith("/"):
            raise UserError(f"{address}: a file there is called {name!r}", "names without ..", "do not use this study")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    _together(lambda name: _copy(system, f"{path}/{name}", None, folder / name), wanted)


def _copy(source: FileSystem | None, read_from: str | Path, target: FileSystem | None, write_to: str | Path) -> None:
    from pyarrow.fs import LocalFileSystem

    here = LocalFileSystem()
    with (
        _told(str(write_to if target else read_from)),
        (source or here).open_input_stream(str(read_from)) as incoming,
        (target or here).open_output_stream(str(write_to)) as outgoing,
    ):
        while part := incoming.read(_PART):
            outgoing.write(part)


def _together(copy: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for _ in pool.map(copy, names):
            pass  # whichever failed raises here


def remove(address: str, names: Iterable[str] | None = None) -> None:
    """Delete the file at `address` (a path, or in a bucket), or files below it (those named, or all).

    What is not there is no error.

    Raises:
        OSError: it cannot be deleted, or the bucket does not answer.
    """
    if not in_bucket(address):
        Path(address).unlink(missing_ok=True)
        return
    system, path = _parted(address)

    def delete(name: str) -> None:
        with contextlib.suppress(FileNotFoundError), _told(address):
            system.delete_file(f"{path}/{name}")

    if names is not None:
        return _together(delete, names)
    with contextlib.suppress(FileNotFoundError), _told(address):
        system.delete_file(path)
    with _told(address):
        system.delete_dir_contents(path, missing_dir_ok=True)


def local_copy(address: str | Path) -> Path:
    """Where the folder at `address` can be read on this machine: itself, or a copy that all processes here share.

    The copy is made once, and again when what lies there has changed.

    Raises:
        OSError: the bucket does not answer.
        FileNotFoundError: nothing lies there.
    """
    if not in_bucket(address):
        return Path(address)
    address = str(address)
    found = listed(address)
    if not found:
        raise FileNotFoundError(errno.ENOENT, "nothing lies there", address)
    key = hashlib.sha256(json.dumps([address, sorted(found.items())]).encode()).hexdigest()[:24]
    copy = scratch("copies") / key
    with FileLock(copy.with_suffix(".lock")):
        if not copy.is_dir():
            with new_folder(copy, mode=0o700) as staging:
                download(address, staging, found)
            _forget_old(copy.parent)
        os.utime(copy)
    return copy


def _forget_old(copies: Path) -> None:
    for copy in copies.iterdir():
        if copy.is_dir() and time.time() - copy.stat().st_mtime > _UNUSED_SECONDS:
            with FileLock(copy.with_suffix(".lock")):
                shutil.rmtree(copy, ignore_errors=True)


def scratch(kind: str, address: str = "") -> Path:
    """A folder of this user's on this machine, for what belongs to an address; may be deleted while nobody works.

    Raises:
        PermissionError: somebody else made it.
    """
    # With a dot: what processes left behind as `kotune-*` is removed after a week.
    root = Path(tempfile.gettempdir()) / f".kotune-buckets-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    about = root.lstat()
    if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
        raise PermissionError(errno.EPERM, "it is somebody else's", str(root))
    folder = root / kind / hashlib.sha256(address.encode()).hexdigest()[:24] if address else root / kind
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
