"""Makes the file paths in a search space absolute, so that `study.yaml` can be read from any working directory."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from search_spaces.schema import Space


def with_absolute_paths(space: Space, base: Path) -> Space:
    """Returns the space with an absolute path for every file and folder that exists on this machine.

    Hub ids, `scratch:SIZE`, bucket addresses and paths to nothing stay as they are.

    Args:
        base: The folder that relative paths start from, normally the working directory. This holds for paths in a
            `--config` file too: they are relative to the working directory, not to that file.
    """

    def absolute(value: str) -> str:
        return _absolute(value, base)

    data = space.data
    return replace(
        space,
        data=replace(
            data,
            train=data.train and absolute(data.train),
            dev=data.dev and absolute(data.dev),
            test=data.test and absolute(data.test),
        ),
        model=absolute(space.model),
        tokenizer=space.tokenizer and absolute(space.tokenizer),
        rdass_encoder=space.rdass_encoder and absolute(space.rdass_encoder),
    )


def _absolute(value: str, base: Path) -> str:
    if value.startswith("scratch:") or "://" in value:
        return value
    # Not `resolve`: a link in the hub's cache points to a blob without a suffix, and the suffix gives the file format.
    path = Path(base, os.path.expanduser(value)).absolute()
    return str(path) if os.path.exists(path) else value
