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

    A missing file with a relative path is searched at its recorded path and in the working directory; its content must
    be the recorded one.

    Raises:
        UserError: A file is in neither place, or has changed.
    """
    missing = {
        split: Path(path)
        for split in ("train", "dev", "test")
        if (path := getattr(space.data, split)) and not os.path.exists(path)
    }
    if not missing:
        return space
    recorded = read_json(paths.data, _RecordedData, "put back a copy of the file") if paths.data.is_file() else None
    splits = recorded.splits if recorded else {}
    located: dict[str, Any] = {split: str(_located(path, split, splits, paths)) for split, path in missing.items()}
    return replace(space, data=replace(space.data, **located))


def _located(path: Path, split: str, recorded: Mapping[str, _RecordedSplit], paths: Paths) -> Path:
    # `study.yaml` was read with the study's folder before a path that an earlier version stored as it was typed.
    typed = path.relative_to(paths.root) if path.is_relative_to(paths.root) else path
    entry = recorded.get(split, _RecordedSplit())
    candidates = [] if typed.is_absolute() else [Path(path) for path in (entry.path, Path.cwd() / typed) if path]
    existing = [candidate for candidate in candidates if candidate.is_file()]
    for candidate in existing:
        if not entry.sha256 or file_sha256(candidate) == entry.sha256:
            return candidate
    todo = f"name its new place: {paths.command('resume', f'--{split}', 'FILE')}"
    if existing:
        problem = f"{existing[0]} is not the {split} file of study {paths.root.name!r}: its content has changed"
        raise UserError(problem, "the same file, so that trials compare", f"{todo}, or start a new study")
    places = [f"{typed} in {Path.cwd()}", *([entry.path] if entry.path else [])]
    places = [str(typed)] if typed.is_absolute() else places
    problem = f"the {split} file of study {paths.root.name!r} is missing: no {', and no '.join(places)}"
    raise UserError(problem, "the file that the study was started with", todo)
