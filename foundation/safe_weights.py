"""Names of files of weights in a folder from others: plain ones, of safetensors only, because a pickle can run code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from foundation.checked_json import read_json
from foundation.errors import UserError
from foundation.safe_paths import plain_name

#: Endings of a file of weights, and of the index of weights in several files.
WEIGHTS, INDEX = ".safetensors", ".safetensors.index.json"

_TODO = "download or save the model again, or choose another one"


class _WeightIndex(msgspec.Struct, frozen=True):
    weight_map: dict[str, str]
    metadata: dict[str, Any]


def weights_name(name: str, where: str, endings: tuple[str, ...] = (WEIGHTS,)) -> str:
    """Returns the name of a file of weights, which was read at `where`.

    Raises:
        UserError: the name leads out of the folder, or has another ending; transformers would open it as a pickle.
    """
    if plain_name(name, where).endswith(endings):
        return name
    problem = f"{where}: {name!r} is no file of safetensors, and is not opened"
    raise UserError(problem, f"a name with {' or '.join(endings)}", _TODO)


def read_weight_index(index: Path) -> dict[str, set[str]]:
    """Returns the files that an index names, each with the names of its weights.

    Raises:
        UserError: the index is damaged or empty, or names a file that is not in its folder or no safetensors.
    """
    files: dict[str, set[str]] = {}
    for weight, name in read_json(index, _WeightIndex, _TODO).weight_map.items():
        files.setdefault(weights_name(name, f"{index}: weight_map, {weight!r}"), set()).add(weight)
    if not files:
        raise UserError(f"{index}: weight_map names no weights", "the name of each weight and its file", _TODO)
    return files
