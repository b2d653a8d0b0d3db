"""The input of all trials of a study: splits, task options and tokenized tables, stored in `data.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from corpora.splits import SplitFile
from foundation import buckets
from foundation.checked_json import JsonObject, plain, read_json
from foundation.durable import write_json
from foundation.errors import UserError
from tuning.studies.earlier_versions import stored_task_options
from tuning.studies.paths import Paths
from tuning.studies.validation import check_tables

_TODO = "put back a copy of the file, or start a new study"


class Material(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The input of all trials, stored in `data.json` so that `resume` can check that the files did not change.

    Args:
        splits: Split name -> its file.
        task_options: What the task learned from the training rows.
        tables: Tokenizer (`variant_of`) -> split -> folder of its tokenized table; in `data.json` relative to the
            storage.
        scored_with: Full name, with versions, of the tokenizer of the scores; empty if they do not depend on one.
        remarks: Messages for the user.
        settings: The settings of the space that must stay the same (`origin`); empty in a study of an earlier version.
        hashes: `base_model/NAME` and `rdass_encoder` -> hash of the content of the folder; `space` -> hash of what is
            searched and fixed.
        warnings: What is wrong with the dev split, for the last lines.
    """

    splits: dict[str, SplitFile]
    task_options: dict[str, Any]
    tables: dict[str, dict[str, str]]
    scored_with: str
    remarks: list[str]
    settings: JsonObject = {}
    hashes: dict[str, str] = {}
    warnings: list[str] = []

    @classmethod
    def load(cls, paths: Paths) -> Material | None:
        """Reads `data.json`; None if it does not exist. The folders it names may be missing: see `is_complete`.

        Raises:
            UserError: the file is damaged.
        """
        if not paths.data.is_file():
            return None
        stored = read_json(paths.data, cls, _TODO)
        for variant, tables in stored.tables.items():
            if missing := {"train", "dev"} - tables.keys():
                problem = f"{paths.data}: tables, {variant!r}: {', '.join(sorted(missing))} is missing"
                raise UserError(problem, "train, dev, and maybe test", _TODO)
        storage = paths.root.parent
        options = stored_task_options(stored.task_options, stored.scored_with)
        material = replace(
            stored, task_options=dict(options), tables=_each(stored.tables, lambda folder: str(storage / folder))
        )
        check_tables(paths.data, material.tables, storage, paths.cache)
        return material

    def is_complete(self, paths: Paths) -> bool:
        """Whether trials can read every base model and table. The cache of tables may be deleted at any time."""
        folders = [Path(folder) for tables in self.tables.values() for folder in tables.values()]
        return self.has_base_models(paths) and all(_exists(paths, folder) for folder in folders)

    def has_base_models(self, paths: Paths) -> bool:
        """Whether trials can read every base model."""
        return bool(self.tables) and all(_exists(paths, paths.base_model(variant)) for variant in self.tables)

    def save(self, paths: Paths) -> None:
        """Writes `data.json`."""
        storage = f"{paths.root.parent}/"
        stored = replace(self, tables=_each(self.tables, lambda path: path.removeprefix(storage)))
        write_json(paths.data, plain(stored))


def _each(tables: Mapping[str, Mapping[str, str]], change: Callable[[str], str]) -> dict[str, dict[str, str]]:
    return {variant: {split: change(path) for split, path in splits.items()} for variant, splits in tables.items()}


def _exists(paths: Paths, folder: Path) -> bool:
    """Whether a trial can read the folder; a bucket gets `data.json` after all folders that it names."""
    return bool(buckets.sizes(paths.address(folder))) if paths.bucket else folder.is_dir()
