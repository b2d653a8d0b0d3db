"""CRC-32 checksums of files, which find damage of disks and copies. They are no protection against an attacker."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from pathlib import Path


def file_crc32(path: Path) -> int:
    """Returns the CRC-32 of a file; a gigabyte takes about a second."""
    checksum = 0
    with path.open("rb") as file:
        while part := file.read(1 << 24):
            checksum = zlib.crc32(part, checksum)
    return checksum


def folder_checksums(folder: Path, skip: Collection[str] = ()) -> dict[str, int]:
    """Returns the checksums of all files in a folder, at any depth, by their names in it.

    Args:
        skip: names of files that are left out.
    """
    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: file_crc32(path) for name, path in files.items() if name not in skip}


def damaged_files(folder: Path, checksums: Mapping[str, int]) -> list[str]:
    """Returns the names of files that are missing, cannot be read, or have another checksum."""
    return [name for name, checksum in checksums.items() if _checksum_or_none(folder / name) != checksum]


def _checksum_or_none(path: Path) -> int | None:
    try:
        return file_crc32(path) if path.is_file() else None
    except OSError:
        return None
