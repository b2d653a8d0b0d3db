"""The temporary folder of a Ray on this machine: sockets, logs and files of jobs that no other user can reach.

Ray's own folder, `/tmp/ray`, is open to every user of the machine: another could replace the sockets in it, and
processes of the search would connect to them.
"""

from __future__ import annotations

from pathlib import Path

from foundation import private_folders
from tuning.cluster.ray_environment import temporary_folder

#: A short name, since the paths of sockets are limited; eight characters are added.
_PREFIX = "kt-"

#: What Ray is given, which makes it open to everyone.
_RAY = "r"

#: The folder of this process.
_current: list[Path] = []


def make() -> Path:
    """Creates a folder for Ray that only this user can reach, and removes those of processes that were killed."""
    parent = temporary_folder()
    parent.mkdir(parents=True, exist_ok=True)
    _current.append(private_folders.make(_PREFIX, parent))
    return _current[-1].absolute() / _RAY


def remove() -> None:
    """Removes the folder that this process made; Ray must have ended."""
    while _current:
        private_folders.remove(_current.pop())
