"""What the trials of a study were made from, so that a later session can check that it is the same.

`data.json` holds the hashes of models and the settings; the hashes of data files are in its splits.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from corpora.fingerprint import file_sha256, fingerprint
from foundation.errors import UserError
from search_spaces.schema import SECTIONS, Space

#: Keys that may change between the sessions of a study, as the names of sections or of single keys. All others decide
#: what a trial learns or how it is scored, so that trials before and after a change would not compare.
CHANGEABLE = frozenset(
    {
        *("name", "trust_remote_code", "metric", "mode", "eval_every", "fixed", "search", "scheduler", "sampler"),
        *("budget", "slots", "runner", "optuna_storage", "optuna_study", "tracking", "wandb", "checkpoints"),
        *("data.train", "data.dev", "data.test", "data.embedded", "sample"),
    }
)

#: Keys of models, which may be folders; a folder may be moved, and its content is compared.
MODEL_KEYS = ("model", "tokenizer", "rdass_encoder")

#: Files of a base model that trials depend on; the others name versions and paths.
_BASE_FILES = ("*.safetensors", "tokenizer.json")


def settings_of(space: Space) -> dict[str, object]:
    """Returns the values that must stay the same, by dotted key."""
    values: dict[str, object] = {}
    for key, value in space.to_dict().items():
        if key in CHANGEABLE:
            continue
        if key in MODEL_KEYS and is_folder(value):
            value = "a folder"
        if key in SECTIONS:
            values |= {f"{key}.{name}": item for name, item in value.items() if f"{key}.{name}" not in CHANGEABLE}
        else:
            values[key] = value
    return values


def search_hash(space: Space) -> str:
    """Returns a hash of what is searched and what is fixed, which may change between two sessions."""
    plain = space.to_dict()
    return fingerprint(plain["search"], plain["fixed"])


def check_settings(file: Path, recorded: Mapping[str, object], space: Space) -> None:
    """Checks that the settings of a study are those that its trials were made with.

    Args:
        file: The study's `study.yaml`, for messages.
        recorded: As `settings_of` returned them; empty for a study of an earlier version.

    Raises:
        UserError: A setting has changed. Keys that only one of the two versions of kotune knows are not compared.
    """
    present = settings_of(space)
    changed = [key for key in recorded if key in present and recorded[key] != present[key]]
    if changed:
        facts = "; ".join(f"{key} is {present[key]!r}, and was {recorded[key]!r}" for key in changed)
        allowed = "the settings that the trials were made with; ranges, fixed parameters and the budget may change"
        raise UserError(f"{file}: {facts}", allowed, "change it back, or start a new study")


def is_folder(source: Any) -> bool:
    """Whether the source of a model is a path: a study stores those of folders as absolute paths."""
    return isinstance(source, str) and os.path.isabs(source)


def base_model_hash(folder: Path) -> str:
    """Returns a hash of the weights and the tokenizer in a folder."""
    return _hash(folder, (path for pattern in _BASE_FILES for path in folder.glob(pattern)))


def folder_hash(folder: Path) -> str:
    """Returns a hash of all files in a folder, except hidden ones."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return _hash(folder, (path for path in files if not path.relative_to(folder).as_posix().startswith(".")))


def _hash(folder: Path, files: Iterable[Path]) -> str:
    return fingerprint({path.relative_to(folder).as_posix(): file_sha256(path) for path in files})
