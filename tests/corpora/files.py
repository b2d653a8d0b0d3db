"""Test files, and the message if one is refused."""

from pathlib import Path

import pytest

from corpora.reading import read_table
from foundation.errors import UserError

PAIR = {"text": "a", "label": "b"}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    """Writes a file and returns its path."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, required: dict[str, str] = PAIR, **options: object) -> str:
    """The message if the file cannot be read."""
    with pytest.raises(UserError) as caught:
        read_table(path, required, **options)  # type: ignore[arg-type]
    return str(caught.value)
