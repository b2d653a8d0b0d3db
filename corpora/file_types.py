"""Files that have no format kotune reads: what they are, by suffix or content, and how to convert them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from foundation.errors import UserError

_WORKBOOK = 'save it in Excel as "CSV UTF-8 (Comma delimited)", or run: pip install openpyxl && ' + (
    'python -c "import pandas, sys; pandas.read_excel(sys.argv[1]).to_csv(sys.argv[2], index=False)" {file} {stem}.csv'
)
_ARROW = (
    'run: python -c "import datasets, sys; datasets.Dataset.from_file(sys.argv[1]).to_parquet(sys.argv[2])" '
    "{file} {stem}.parquet"
)
#: Suffix of other formats -> how to convert such a file.
_CONVERSIONS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".ods"), _WORKBOOK),
    **dict.fromkeys((".arrow", ".feather"), _ARROW),
    ".gz": "unpack it: gunzip --keep {file}",
    ".bz2": "unpack it: bunzip2 --keep {file}",
    ".xz": "unpack it: unxz --keep {file}",
    ".zip": "unpack it: unzip {file}",
    ".tab": "copy it to {stem}.tsv if tabs separate its fields",
    ".dat": "copy it to {stem}.tsv if tabs separate its fields, or to {stem}.csv if commas do",
}
#: First bytes of formats that are no text -> format, and the suffix whose conversion applies.
_SIGNATURES = {
    b"PAR1": ("a Parquet file", ".parquet"),
    b"PK\x03\x04": ("an Excel workbook or another zip file", ".xlsx"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", ".xls"),
    b"ARROW1": ("an Arrow file", ".arrow"),
    b"\x1f\x8b": ("packed by gzip", ".gz"),
    b"BZh": ("packed by bzip2", ".bz2"),
    b"\xfd7zXZ\x00": ("packed by xz", ".xz"),
}


def suffix_problem(path: Path, suffixes: Sequence[str]) -> UserError:
    """Returns the error for a file whose suffix is not one of `suffixes`."""
    suffix = path.suffix.lower()
    todo = _conversion(path, suffix) or "rename it if it has one of these formats, else convert it"
    return UserError(f"{path}: unknown suffix {path.suffix!r}", ", ".join(suffixes), todo)


def content_problem(path: Path, head: bytes, suffixes: Sequence[str]) -> UserError | None:
    """Returns the error for a file that is known not to have the format of its suffix, which is one of `suffixes`.

    Args:
        head: Its first bytes.
    """
    name, suffix = next((entry for start, entry in _SIGNATURES.items() if head.startswith(start)), ("", ""))
    if suffix in ("", path.suffix.lower()):
        return None
    if suffix in suffixes:
        copy = f"cp {shlex.quote(str(path))} {shlex.quote(str(path.with_suffix(suffix)))}"
        return UserError(f"{path} is {name}", f"such a file with the suffix {suffix}", f"give it that suffix: {copy}")
    allowed = f"a file with the suffix {', '.join(suffixes)}"
    return UserError(f"{path} is {name}", allowed, _conversion(path, suffix))


def _conversion(path: Path, suffix: str) -> str:
    file, stem = shlex.quote(str(path)), shlex.quote(str(path.with_suffix("")))
    return _CONVERSIONS.get(suffix, "").format(file=file, stem=stem)
