"""Checks a study folder before anything in it is used, since it may come from another person."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from foundation.durable import previous
from foundation.errors import UserError
from foundation.safe_paths import check_links, plain_name, read_regular
from trainables.training import checkpoints
from tuning.studies.records import RECORD

#: Folders in which W&B and Ray make links; kotune reads nothing in them.
_FOREIGN_FOLDERS = ("wandb", "ray")


def check_study(root: Path, trials: Path) -> None:
    """Checks that no link, record or checkpoint of the study in `root` leads out of it.

    Raises:
        UserError: One does; the message names the file and the place in it.
    """
    check_links(root, skip=_FOREIGN_FOLDERS)
    names = (RECORD, previous(Path(RECORD)).name)
    for path in sorted(path for name in names for path in trials.glob(f"*/{name}")):
        try:
            trial_id = json.loads(read_regular(path))["trial_id"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue  # `read_record` reports a damaged record
        if plain_name(trial_id, f"{path}: trial_id") != path.parent.name:
            problem = f"{path}: trial_id is {trial_id!r}"
            raise UserError(problem, f"{path.parent.name!r}, as its folder", "move the record back to its own folder")
        checkpoints.list_complete(path.parent / "checkpoints")


def check_tables(file: Path, tables: Mapping[str, Mapping[str, str]], storage: Path, cache: Path) -> None:
    """Checks that the tables named in `file` (`data.json`) are in the storage folder or its cache.

    Raises:
        UserError: A table is elsewhere, or the name of a tokenizer is not a plain name.
    """
    roots = [os.path.realpath(root) for root in (storage, cache)]
    for variant, splits in tables.items():
        if variant:
            plain_name(variant, str(file))
        for split, folder in splits.items():
            if not any(Path(os.path.realpath(folder)).is_relative_to(root) for root in roots):
                raise UserError(
                    f"{file}: the table of {split} is {folder}",
                    f"a folder in {storage}",
                    f'write "tables": {{}} in {file}: resume makes the tables again',
                )
