"""Reads studies that an earlier version created.

New studies store absolute paths, or paths relative to their own folder. A study made before stores a path as it was
typed, relative to a working directory that it does not record; `data.json` holds the file's absolute path and hash.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from corpora.fingerprint import file_sha256
from foundation.checked_json import read_json
from foundation.errors import UserError
from search_spaces.choices import RougeTokenizer, Runner
from search_spaces.schema import Space
from trainables.text.rouge_tokenizers import SPLIT_TAGS_NAME
from tuning.studies.paths import Paths


class _RecordedSplit(msgspec.Struct):
    """What `data.json` holds of one split."""

    path: str = ""
    sha256: str = ""


class _RecordedData(msgspec.Struct):
    """The part of `data.json` that is read here."""

    splits: dict[str, _RecordedSplit] = {}


def stored_runner(mapping: Mapping[str, Any], root: Path) -> Runner:
    """Returns where the trials of a study run whose `study.yaml` has no key `runner`.

    `train` of that version made one configuration and opened no database.
    """
    budget = mapping.get("budget")
    is_single = not mapping.get("search") and isinstance(budget, Mapping) and budget.get("trials") == 1
    has_database = mapping.get("optuna_storage") is not None or (root / "optuna.db").exists()
    return Runner.LOCAL if is_single and not has_database else Runner.RAY


def stored_data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the section `data` of a `study.yaml`; without `split_version`, its dev split was cut by version 1."""
    return {"split_version": 1, **data}


def stored_task_options(options: Mapping[str, Any], scored_with: str) -> Mapping[str, Any]:
    """Returns the task options of a `data.json`; Kiwi split speaker tags when it had the name in `scored_with`."""
    if scored_with.startswith(f"{SPLIT_TAGS_NAME} ") and options.get("rouge_tokenizer") == RougeTokenizer.KIWI:
        return {**options, "rouge_tokenizer": RougeTokenizer.KIWI_SPLIT_TAGS.value}
    return options


def locate_data_files(space: Space, paths: Paths) -> Space:
    """Returns the space with absolute paths for data files that are not in the study's folder.

    A missing file is searched at its recorded path and in the working directory; its content must be the recorded one.

    Raises:
        UserError: A file is in neither place, or has changed.
    """
    missing = {
        split: Path(path)
        for split in ("train", "dev", "test")
        if (path := getattr(space.data, split)) and Path(path).is_relative_to(paths.root) and not os.path.exists(path)
    }
    if not missing:
        return space
    recorded = read_json(paths.data, _RecordedData, "put back a copy of the file") if paths.data.is_file() else None
    splits = recorded.splits if recorded else {}
    located: dict[str, Any] = {
        split: str(_located(path.relative_to(paths.root), split, splits, paths)) for split, path in missing.items()
    }
    return replace(space, data=replace(space.data, **located))


def _located(typed: Path, split: str, recorded: Mapping[str, _RecordedSplit], paths: Paths) -> Path:
    entry = recorded.get(split, _RecordedSplit())
    candidates = [Path(entry.path)] if entry.path else []
    candidates.append(Path.cwd() / typed)
    existing = [path for path in candidates if path.is_file()]
    for path in existing:
        if not entry.sha256 or file_sha256(path) == entry.sha256:
            return path
    if existing:
        problem = f"{existing[0]} is not the {split} file of study {paths.root.name!r}: its content has changed"
        raise UserError(problem, "the same file, so that trials compare", "put the old file back, or start a new study")
    problem = f"the {split} file of study {paths.root.name!r} is missing: no {typed} in {Path.cwd()}"
    if entry.path:
        problem += f", and no {entry.path}"
    todo = f"run the command in the folder where tune was started, or copy the file to {paths.root / typed}"
    raise UserError(problem, "the file that the study was started with", todo)
