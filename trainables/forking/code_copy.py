"""Brings the code of a job into a folder that nobody else can change, and runs it from there.

Ray unpacks what a job brings into a folder that every account of the machine may write to, and that it removes or
unpacks anew as it sees fit. So this program comes with the command line (`trainables.forking.request.executable`),
not from that folder: it copies the packages, compares the copy with the sum that the command names, and goes on in it.
Only the standard library is needed, and nothing of kotune.
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

#: What a machine needs of kotune.
PACKAGES = ("foundation", "search_spaces", "corpora", "trainables", "tuning", "delivery")

#: Seconds in which Ray may still be unpacking.
_PATIENCE = 10.0


def copy_code(source: Path, target: Path) -> None:
    """Kotune's packages, and nothing else of a folder.

    Raises:
        OSError: they are not all there, or go while they are copied.
    """
    for package in PACKAGES:
        shutil.copytree(source / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))


def digest(folder: Path) -> str:
    """The sum of names and contents of the packages in a folder."""
    total = hashlib.sha256()
    files = (file for package in PACKAGES for file in (folder / package).rglob("*") if file.is_file())
    for file in sorted(files):
        if "__pycache__" not in file.parts:
            content = file.read_bytes()
            total.update(f"{file.relative_to(folder).as_posix()}\n{len(content)}\n".encode() + content)
    return total.hexdigest()


def make_private(folder: Path) -> None:
    """Make a folder of this user's alone, if it is not there.

    Raises:
        PermissionError: it is somebody else's, or others may enter it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o077 or not stat.S_ISDIR(about.st_mode):
        raise PermissionError(f"{folder} is not this user's alone")


def own_copy(folder: Path, wanted: str, places: list[Path]) -> Path:
    """Where the code whose sum is `wanted` lies in `folder`; it is copied from the first of `places` that has it.

    Raises:
        OSError: none has it, or the folder is not this user's alone.
    """
    make_private(folder)
    code = folder / f"code-{wanted[:16]}"
    end = time.monotonic() + _PATIENCE
    while not code.is_dir():
        for place in places:
            staging = Path(tempfile.mkdtemp(prefix="copy-", dir=folder))
            try:
                copy_code(place, staging)
                if digest(staging) == wanted:
                    staging.rename(code)  # fails where another process was quicker
                    break
            except OSError:
                pass
            shutil.rmtree(staging, ignore_errors=True)
        else:
            if time.monotonic() > end:
                raise FileNotFoundError(f"the code that came with the job is not in {places}")
            time.sleep(0.2)
    return code


def main(folder: str, wanted: str, modules: str, *program: str) -> None:
    """`FOLDER SUM MODULES PROGRAM …`: go on as `request.py FOLDER MODULES PROGRAM …` of that code."""
    places = [Path(place) for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
    try:
        code = own_copy(Path(folder), wanted, places)
    except OSError as error:
        sys.exit(f"kotune: {error}")  # Ray starts the process once more
    os.environ["PYTHONPATH"] = os.pathsep.join([str(code), *map(str, places)])  # of what this process starts
    request = str(code / "trainables" / "forking" / "request.py")
    os.execv(sys.executable, [sys.executable, "-I", "-S", request, folder, modules, *program])


if __name__ == "__main__":
    main(*sys.argv[1:])
