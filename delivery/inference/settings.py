"""The settings of an exported folder: the task, how files are read, and the study that the model comes from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from corpora.splits import Layout
from foundation.checked_json import JsonObject, convert_json, plain, read_json
from foundation.checksums import damaged_files, folder_checksums
from foundation.durable import write_json
from foundation.errors import COMMAND, UserError
from foundation.safe_paths import check_exported
from search_spaces.choices import BrokenRows, Quoting
from search_spaces.schema import Columns, Space
from trainables.tasks.task import Limits, Task

#: The file that kotune adds to an exported folder.
SETTINGS = "kotune.json"

_TODO = f"{COMMAND} export STUDY writes it again"

_Length = Annotated[int, msgspec.Meta(ge=1)]


class _TaskOptions(msgspec.Struct):
    """The option that all tasks with classes share; each task checks its own options."""

    labels: list[str] | None = None


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of an exported folder, as `kotune.json` stores them.

    Args:
        trial: Id of the trial that trained the model.
        task_options: What the task learned from the training rows.
        file_labels: Label in the files -> label that the model learned; None if they are the same.
        summary: The study's summary at the export, without paths; None for an ensemble.
        members: Folders of an ensemble's members inside this folder; empty for a single model.
        files: Name -> CRC-32 of the files that were exported, so that damage is noticed; empty for an ensemble, whose
            members have their own, and for exports of earlier versions.
    """

    study: str
    trial: str | None = None
    task: str
    task_options: dict[str, Any]
    columns: Columns
    quoting: Quoting = Quoting.AUTO
    broken_rows: BrokenRows = BrokenRows.STOP
    file_labels: dict[str, str] | None = None
    strip_whitespace: bool = False
    max_source_length: _Length
    max_target_length: _Length
    special_tokens: list[str] = []
    summary: JsonObject | None = None
    members: list[str] = []
    files: dict[str, int] = {}

    @classmethod
    def of_space(cls, space: Space, task: Task, study: str, **others: Any) -> ModelSettings:
        """Returns the settings of a model of a search space.

        Args:
            study: Name of the study; empty if none trained the model.
            others: `trial` and `summary`.
        """
        return cls(
            study=study,
            task=space.task,
            task_options=task.to_options(),
            columns=space.columns,
            quoting=space.data.quoting,
            broken_rows=space.data.broken_rows,
            file_labels=dict(space.data.labels) if space.data.labels is not None else None,
            strip_whitespace=space.filters.strip_whitespace,
            max_source_length=space.max_source_length,
            max_target_length=space.max_target_length,
            special_tokens=list(space.special_tokens),
            **others,
        )

    @property
    def layout(self) -> Layout:
        """How the files are written that the model was trained on."""
        columns = self.columns
        labels, targets = self.file_labels, columns.targets
        return Layout(columns.by_role, columns.header, self.quoting, self.broken_rows, labels, targets)

    @property
    def limits(self) -> Limits:
        """The longest source and target, in tokens, that the model was trained with."""
        return Limits(self.max_source_length, self.max_target_length)


def write_settings(folder: Path, settings: ModelSettings, *, with_checksums: bool = False) -> None:
    """Writes the settings into an exported folder, with the checksums of the files that are already in it."""
    files = folder_checksums(folder) if with_checksums else {}
    write_json(folder / SETTINGS, plain(replace(settings, files=files)))


def has_settings(folder: Path) -> bool:
    """Whether kotune exported the folder."""
    return os.path.isfile(folder / SETTINGS)  # also False for a name that is too long


def no_settings_error(folder: Path) -> UserError:
    """Returns the error for a path that is no exported folder."""
    return UserError(
        f"{folder} holds no {SETTINGS}",
        "a folder written by export, such as runs/STUDY/best_model, or with --task any model folder or hub id",
        f"check the path; {COMMAND} export STUDY writes one",
    )


def read_settings(folder: Path) -> ModelSettings:
    """Reads the settings of an exported folder.

    Raises:
        UserError: kotune did not export this folder, something in it leads out of it, or a file has changed since.
    """
    file = folder / SETTINGS
    if not has_settings(folder):
        raise no_settings_error(folder)
    settings = read_json(file, ModelSettings, _TODO)
    labels = convert_json(settings.task_options, _TaskOptions, f"{file}: task_options", _TODO).labels or []
    if len({*labels}) < len(labels):
        raise UserError(f"{file}: task_options: labels is {labels!r}", "each label once", _TODO)
    check_exported(folder, SETTINGS, [settings.study, *settings.members, *settings.files])
    if damaged := damaged_files(folder, settings.files):
        problem = f"{folder / damaged[0]} is missing, or has changed since the export"
        todo = f"{_TODO}; if you changed it on purpose, remove its name from files in {SETTINGS}"
        raise UserError(problem, "the files as export wrote them", todo)
    return settings
