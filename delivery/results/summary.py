"""The result of a study as one typed object, and its file `summary.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from corpora.splits import SplitFile
from delivery.results.scores import Score
from foundation.checked_json import Count, Finite, JsonObject, convert_json, plain, read_json
from foundation.durable import write_json
from foundation.errors import UserError
from foundation.statuses import TrialStatus

#: Increased whenever a field changes; files of versions 1 (which have no version) and 2 lack `notes` and `warnings`.
VERSION = 3

_TODO = "delete it: resume and export write a new one, without the seconds and the test score of earlier sessions"


class TrialCounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many trials have each status; unfinished ones continue with `resume`."""

    total: Count
    completed: Count
    pruned: Count
    failed: Count
    unfinished: Count


class BestTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The best trial whose model is saved, at its best epoch on dev."""

    trial: str
    value: float
    config: dict[str, Any]
    epoch: float
    metrics: dict[str, float]


class DefaultTrial(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trial of the recipe default.

    Args:
        epoch: Its last evaluated epoch.
        best_by_then: The value of the best trial up to that epoch: the only fair comparison if the default was pruned.
        name: What it is called (`Space.default_name`).
    """

    trial: str
    value: float | None
    status: TrialStatus
    epoch: float
    best_by_then: float | None
    name: str = "recipe default"


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why a trial failed, and how to run it alone; exported folders omit what only this machine has.

    Args:
        alone: The command that runs the trial without a search.
    """

    trial: str
    reason: str
    config: dict[str, Any]
    trace: str | None = None
    log: str | None = None
    alone: str | None = None


class Confusion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The confusion matrix of the best model on dev: rows are true classes, columns are predicted ones."""

    labels: list[str]
    dev: list[list[int]]


class Summary(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The result of a study, as `summary.json` stores it and `--json` prints it.

    Args:
        rouge_tokenizer: Full name of the tokenizer that counted the scores; None if they do not depend on one.
        test: Score of the best model on the test split, which is scored once.
        slots: The most slots that ran at once.
        wall_seconds: Time of all sessions.
        notes: What the scores alone do not show, one sentence each.
        warnings: Why the best trial may be no better than any other, one sentence each.
        data: Split name -> its file.
        versions: Library -> version.
        best_model: Folder or address of the exported model; None if there is none.
    """

    version: int = 1
    study: str
    space: str
    task: str
    model: str
    metric: str
    mode: str
    rouge_tokenizer: str | None
    trials: TrialCounts
    best: BestTrial | None
    default: DefaultTrial | None
    test: Score | None
    failures: list[Failure]
    slots: Count
    worker_groups_started: Count
    wall_seconds: Finite
    data: dict[str, SplitFile]
    versions: dict[str, str]
    best_model: str | None
    confusion: Confusion | None = None
    notes: list[str] = []
    warnings: list[str] = []

    def to_json(self) -> JsonObject:
        """The summary as dicts, lists and scalars; the metrics of the test score are beside its other fields."""
        return {**plain(self), "test": self.test and self.test.to_flat()}

    def save(self, path: Path) -> None:
        """Writes the summary."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Summary | None:
        """Reads a summary of this version or an earlier one; None if there is no file.

        Raises:
            UserError: The file is damaged, or of a newer version.
        """
        if not path.is_file():
            return None
        content = read_json(path, JsonObject, _TODO)
        version = convert_json(content.get("version", 1), int, f"{path}: version", _TODO)
        if version > VERSION:
            raise UserError(f"{path} has version {version}", f"up to {VERSION}", "update kotune, or delete the file")
        test = content.get("test")
        if isinstance(test, dict):
            content = {**content, "test": plain(Score.from_flat(test, f"{path}: test", _TODO))}
        return convert_json({**content, "version": VERSION}, cls, str(path), _TODO)

    def for_export(self) -> Summary:
        """The summary for an exported folder: without paths and traces of this machine."""
        data = {name: msgspec.structs.replace(split, path=Path(split.path).name) for name, split in self.data.items()}
        failures = [Failure(failure.trial, failure.reason, failure.config) for failure in self.failures]
        return msgspec.structs.replace(self, data=data, failures=failures, best_model=None)
