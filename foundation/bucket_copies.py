"""Local folders for the files of a bucket: copies that all processes of a machine share, and scratch folders."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from filelock import FileLock

from foundation.buckets import download, in_bucket, list_files
from foundation.durable import new_folder

#: A copy that is not used for so long is deleted.
_UNUSED_SECONDS = 6 * 3600.0


def local_copy(address: str | Path) -> Path:
    """Returns a local folder with the content of `address`: itself, or a copy that all processes here share.

    The copy is made once, and again if the content of the bucket changes.

    Raises:
        OSError: the bucket does not answer.
        FileNotFoundError: there are no files at the address.
    """
    if not in_bucket(address):
        return Path(address)
    address = str(address)
    files = list_files(address)
    if not files:
        raise FileNotFoundError(errno.ENOENT, "there are no files", address)
    key = hashlib.sha256(json.dumps([address, sorted(files.items())]).encode()).hexdigest()[:24]
    copy = scratch("copies") / key
    with FileLock(copy.with_suffix(".lock")):
        if not copy.is_dir():
            with new_folder(copy, mode=0o700) as staging:
                download(address, staging, files)
            _remove_unused(copy.parent)
        os.utime(copy)
    return copy


def _remove_unused(copies: Path) -> None:
    for copy in copies.iterdir():
        if copy.is_dir() and time.time() - copy.stat().st_mtime > _UNUSED_SECONDS:
            with FileLock(copy.with_suffix(".lock")):
                shutil.rmtree(copy, ignore_errors=True)


def scratch(kind: str, address: str = "") -> Path:
    """Returns a private local folder for the files of an address; it may be deleted while kotune is not running.

    Raises:
        PermissionError: another user created the folder.
    """
    # With a dot: leftover folders `kotune-*` are removed after a week.
    root = Path(tempfile.gettempdir()) / f".kotune-buckets-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    status = root.lstat()
    if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(errno.EPERM, "it belongs to another user", str(root))
    folder = root / kind / hashlib.sha256(address.encode()).hexdigest()[:24] if address else root / kind
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
