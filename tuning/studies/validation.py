"""Looks at a study folder before anything in it is used: it may have come from somebody else."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import UserError
from foundation.safe_paths import check_links, plain_name
from trainables.training import checkpoints
from tuning.studies.records import RECORD

#: Folders that W&B and Ray link in; kotune reads nothing there.
_OTHERS = ("wandb", "ray")


def check_study(root: Path, trials: Path) -> None:
    """Check that no link, record or checkpoint of the study in `root` leads out of it.

    Raises:
        UserError: one does; file and place are named.
    """
    check_links(root, skip=_OTHERS)
    for path in sorted(path for name in (RECORD, f".{RECORD}.previous") for path in trials.glob(f"*/{name}")):
        try:
            trial_id = json.loads(path.read_text(encoding="utf-8"))["trial_id"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # whoever reads the record says what is wrong with it
        if plain_name(trial_id, f"{path}: trial_id") != path.parent.name:
            given = f"{path}: trial_id is {trial_id!r}"
            raise UserError(given, f"{path.parent.name!r}, as its folder", "put the record back where it belongs")
        checkpoints.list_complete(path.parent / "checkpoints")


def check_tables(file: Path, tables: Mapping[str, Mapping[str, str]], storage: Path, cache: Path) -> None:
    """Check that the tables named in `file` (`data.json`) lie in the storage folder or its cache.

    Raises:
        UserError: one is elsewhere, or a tokenizer's name is none.
    """
    homes = [os.path.realpath(home) for home in (storage, cache)]
    for variant, splits in tables.items():
        if variant:
            plain_name(variant, str(file))
        for split, folder in splits.items():
            if not any(Path(os.path.realpath(folder)).is_relative_to(home) for home in homes):
                raise UserError(
                    f"{file}: the table of {split} is {folder}",
                    f"a folder in {storage}",
                    f"if the study was moved or copied, delete {file}: resume makes it anew",
                )
