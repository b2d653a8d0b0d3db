"""Reads and writes files in a local folder or in a bucket (`s3://BUCKET/…`, `gs://BUCKET/…`).

An address is a string. Credentials are never part of an address: they come from the environment, the profile or the
instance role, as for the cloud's own programs.
"""

from __future__ import annotations

import contextlib
import errno
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from foundation.durable import write_text
from foundation.errors import UserError, first_line
from foundation.safe_paths import read_regular
from foundation.secrets import redact, redacted

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

T = TypeVar("T")

SCHEMES = ("s3://", "gs://")

#: Files that are copied in parallel, and bytes of each that are in memory at a time.
_PARALLEL, _CHUNK_BYTES = 8, 1 << 24

#: Attempts to read a file that another process replaces again and again.
_READ_ATTEMPTS = 20


def in_bucket(address: str | Path) -> bool:
    """Whether the address is in a bucket."""
    return str(address).startswith(SCHEMES)


def join(address: str | Path, *names: str) -> str:
    """Returns the address of `names` below the folder `address`."""
    return "/".join([str(address).rstrip("/"), *names])


@cache
def _filesystem(bucket: str) -> FileSystem:
    """Returns the client of a bucket (`s3://NAME`); one per process, since it keeps its connections open."""
    from pyarrow.fs import FileSystem  # imported here, since it takes a second

    return FileSystem.from_uri(bucket)[0]


def _split(address: str) -> tuple[FileSystem, str]:
    scheme, _, rest = address.partition("://")
    name, _, inside = rest.partition("/")
    with _as_storage_error(address):
        return _filesystem(f"{scheme}://{name}"), f"{name}/{inside}".rstrip("/")


@contextmanager
def _as_storage_error(address: str) -> Iterator[None]:
    """Turns the client's error into an `OSError` with EIO, which `durable.retry_on_storage_error` retries."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:  # this machine's disk is full
            raise
        raise OSError(errno.EIO, f"{address}: {redact(first_line(error))}") from error


def read(address: str) -> bytes | None:
    """Returns the content of the file at `address` (a path, or in a bucket); None if it does not exist.

    Raises:
        OSError: the file cannot be read, or the bucket does not answer.
    """
    if not in_bucket(address):
        with contextlib.suppress(FileNotFoundError):
            return read_regular(Path(address))
        return None
    system, path = _split(address)

    def read_once() -> bytes:
        with system.open_input_stream(path) as stream:
            return bytes(stream.read())

    with contextlib.suppress(FileNotFoundError), _as_storage_error(address):
        return _unreplaced(system, path, read_once, len)
    return None


def _unreplaced(system: FileSystem, path: str, attempt: Callable[[], T], size: Callable[[T], int]) -> T:
    """Returns the result of an attempt to read a file of a bucket that was not replaced meanwhile.

    The client asks for the size and then for the content. If another version appears in between, it is cut or padded
    to the size of the version before.

    Raises:
        OSError: every attempt met a new version.
    """
    for _ in range(_READ_ATTEMPTS):
        result = attempt()
        if system.get_file_info(path).size == size(result):
            return result
    raise OSError(errno.EIO, f"{path} was replaced during each of {_READ_ATTEMPTS} attempts to read it")


def read_each(addresses: Iterable[str]) -> list[bytes | None]:
    """Reads many files in parallel and returns their contents in order; None for a file that cannot be read."""

    def read_or_none(address: str) -> bytes | None:
        with contextlib.suppress(OSError):
            return read(address)
        return None

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return list(pool.map(read_or_none, addresses))


def write(address: str, content: bytes) -> None:
    """Writes the file at `address` (a path, or in a bucket) atomically.

    Raises:
        OSError: the file cannot be written, or the bucket does not answer.
    """
    if not in_bucket(address):
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        write_text(Path(address), content.decode())
        return
    system, path = _split(address)
    with _as_storage_error(address), system.open_output_stream(path) as stream:
        stream.write(content)


def write_json(address: str, value: object) -> None:
    """Writes a value as JSON, atomically, with secrets redacted."""
    write(address, json.dumps(redacted(value), ensure_ascii=False, indent=2).encode())


def sizes(address: str) -> dict[str, int]:
    """Returns the size in bytes of every file below `address`, by its path from there."""
    return {name: size for name, (size, _) in list_files(address).items()}


def list_files(address: str) -> dict[str, tuple[int, int]]:
    """Returns the size in bytes and the modification time in nanoseconds of every file below `address`.

    Raises:
        OSError: the bucket does not answer.
    """
    from pyarrow.fs import FileType

    return {
        name: (info.size, info.mtime_ns or 0)
        for name, info in _list(address, recursive=True).items()
        if info.type == FileType.File
    }


def folders(address: str) -> list[str]:
    """Returns the names of the folders directly below `address`, sorted.

    Raises:
        OSError: the bucket does not answer.
    """
    from pyarrow.fs import FileType

    entries = _list(address, recursive=False)
    names = {name for name, info in entries.items() if info.type == FileType.Directory}
    if address.startswith("gs://"):  # Arrow lists only folders that were created explicitly there
        names |= {name.split("/")[0] for name in sizes(address) if "/" in name}
    return sorted(names)


def _list(address: str, *, recursive: bool) -> dict[str, FileInfo]:
    from pyarrow.fs import FileSelector

    system, path = _split(address)
    with _as_storage_error(address):
        infos = system.get_file_info(FileSelector(path, recursive=recursive, allow_not_found=True))
    return {info.path[len(path) + 1 :]: info for info in infos}


def files_in(folder: Path) -> dict[str, int]:
    """Returns the size in bytes of every file in a local folder, by its path from there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}


def upload(folder: Path, address: str, names: Iterable[str] | None = None) -> None:
    """Copies the files `names` of a folder, or all of them, to `address` in parallel.

    Raises:
        OSError: the bucket does not answer.
    """
    system, path = _split(address)
    selected = files_in(folder) if names is None else names
    _in_parallel(lambda name: _copy(None, folder / name, system, f"{path}/{name}"), selected)


def download(address: str, folder: Path, names: Iterable[str] | None = None) -> None:
    """Copies the files `names` below `address`, or all of them, into a folder in parallel.

    Raises:
        OSError: the bucket does not answer.
        UserError: a file name in the bucket leads out of the folder.
    """
    system, path = _split(address)
    selected = [*(sizes(address) if names is None else names)]
    for name in selected:
        if ".." in name.split("/") or name.startswith("/"):
            raise UserError(f"{address}: file name {name!r}", "names without ..", "do not use this study")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    _in_parallel(lambda name: _copy(system, f"{path}/{name}", None, folder / name), selected)


def _copy(source: FileSystem | None, read_from: str | Path, target: FileSystem | None, write_to: str | Path) -> None:
    from pyarrow.fs import LocalFileSystem

    local = LocalFileSystem()

    def copy_once() -> int:
        with (
            (source or local).open_input_stream(str(read_from)) as incoming,
            (target or local).open_output_stream(str(write_to)) as outgoing,
        ):
            return sum(outgoing.write(chunk) for chunk in iter(lambda: incoming.read(_CHUNK_BYTES), b""))

    with _as_storage_error(str(write_to if target else read_from)):
        if source is None:
            copy_once()
        else:
            _unreplaced(source, str(read_from), copy_once, int)


def _in_parallel(copy: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for _ in pool.map(copy, names):
            pass  # raises the exception of a failed copy


def remove(address: str, names: Iterable[str] | None = None) -> None:
    """Deletes the file at `address` (a path, or in a bucket), or the files `names` below it, or all of them.

    A missing file is not an error.

    Raises:
        OSError: a file cannot be deleted, or the bucket does not answer.
    """
    if not in_bucket(address):
        Path(address).unlink(missing_ok=True)
        return
    system, path = _split(address)

    def delete(name: str) -> None:
        with contextlib.suppress(FileNotFoundError), _as_storage_error(address):
            system.delete_file(f"{path}/{name}")

    if names is not None:
        return _in_parallel(delete, names)
    with contextlib.suppress(FileNotFoundError), _as_storage_error(address):
        system.delete_file(path)
    with _as_storage_error(address):
        system.delete_dir_contents(path, missing_dir_ok=True)
