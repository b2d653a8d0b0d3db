"""Copies the code of a job to a private folder and runs it from there.

Ray unpacks the code of a job into a folder that every user of the machine may write to, and removes or unpacks it again
at any time. Therefore this program comes with the command line (`trainables.forking.request.executable`) and not from
that folder. It copies the packages, compares the copy with the digest that the command names, and continues in it. It
needs only the standard library, and nothing else of kotune.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
import time
from pathlib import Path

#: The packages that a machine needs.
PACKAGES = ("foundation", "search_spaces", "corpora", "trainables", "tuning", "delivery")

#: Seconds in which Ray may still be unpacking the code.
_UNPACK_SECONDS = 10.0


def copy_code(source: Path, target: Path) -> None:
    """Copies kotune's packages, and nothing else of `source`.

    Raises:
        OSError: a package is missing, or disappears while it is copied.
    """
    for package in PACKAGES:
        shutil.copytree(source / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))


def digest(folder: Path) -> str:
    """SHA-256 of the names and contents of the packages in a folder."""
    total = hashlib.sha256()
    files = (file for package in PACKAGES for file in (folder / package).rglob("*") if file.is_file())
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            content = file.read_bytes()
            total.update(f"{file.relative_to(folder).as_posix()}\n{len(content)}\n".encode() + content)
    return total.hexdigest()


def make_private(folder: Path) -> None:
    """Makes a folder that only this user can enter, unless it exists.

    Raises:
        PermissionError: it exists and belongs to another user, or others can enter it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISDIR(status.st_mode):
        raise PermissionError(f"{folder} is not private to this user")


def private_copy(folder: Path, code: str, sources: list[Path]) -> Path:
    """Returns the copy of the code with the digest `code`, which is made from the first of `sources` that has it.

    Raises:
        OSError: no source has the code, or `folder` is not private to this user.
    """
    make_private(folder)
    copy = folder / f"code-{code[:16]}"
    end = time.monotonic() + _UNPACK_SECONDS
    while not copy.is_dir():
        for source in sources:
            staging = Path(tempfile.mkdtemp(prefix="copy-", dir=folder))
            try:
                copy_code(source, staging)
                if digest(staging) == code:
                    staging.rename(copy)  # fails if another process was faster
                    break
            except OSError:
                pass
            shutil.rmtree(staging, ignore_errors=True)
        else:
            if time.monotonic() > end:
                raise FileNotFoundError(f"the code that came with the job is not in {sources}")
            time.sleep(0.2)
    return copy


def main(folder: str, code: str, modules: str, *program: str) -> None:
    """`FOLDER DIGEST MODULES PROGRAM …`: continues as `request.py FOLDER MODULES PROGRAM …` of that code."""
    sources = [Path(source) for source in os.environ.get("PYTHONPATH", "").split(os.pathsep) if source]
    try:
        copy = private_copy(Path(folder), code, sources)
    except OSError as error:
        sys.exit(f"kotune: {error}")  # Ray starts the process again
    os.environ["PYTHONPATH"] = os.pathsep.join([str(copy), *map(str, sources)])  # for the children of this process
    request = str(copy / "trainables" / "forking" / "request.py")
    os.execv(sys.executable, [sys.executable, "-I", "-S", request, folder, modules, *program])


if __name__ == "__main__":
    main(*sys.argv[1:])
