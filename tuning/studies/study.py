"""A study: one search, its folder and its records."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from foundation.buckets import remove
from foundation.checked_yaml import SavedLoader, read_yaml
from foundation.durable import StorageLost, make_folder, new_folder, retry_on_storage_error, write_json, write_text
from foundation.errors import UserError, nearest, raise_all
from foundation.secrets import redact, redacted
from foundation.statuses import TrialStatus
from search_spaces.checks import objective_problems
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from trainables.tasks.registry import TASKS, objectives
from tuning.studies.checkpoint_index import CheckpointIndex
from tuning.studies.earlier_versions import stored_data, stored_runner
from tuning.studies.paths import Paths
from tuning.studies.permissions import OWNER_ONLY
from tuning.studies.ranking import rank_trials
from tuning.studies.records import RECORD, Result, TrialRecord, read_record, write_record
from tuning.studies.storage import Storage, fetch, publish, storage_at
from tuning.studies.validation import check_study

_SPLITS = ("train", "dev", "test")


def _saved_space(path: Path) -> Space:
    """Reads the space in a study's `study.yaml`.

    Raises:
        UserError: The file is damaged, or its task, metric and mode do not fit together.
    """
    todo = "put back a copy of the file, or start a new study"
    mapping = read_yaml(path, str(path), SavedLoader)
    if isinstance(mapping, dict) and isinstance(mapping.get("data"), dict):
        data = mapping["data"]  # a relative path is relative to the study's folder
        absolute = {split: str(path.parent / data[split]) for split in _SPLITS if isinstance(data.get(split), str)}
        mapping = {"runner": stored_runner(mapping, path.parent), **mapping, "data": {**stored_data(data), **absolute}}
    space = from_dict(mapping, str(path))
    if space.task not in TASKS:
        raise UserError(f"{path}: task {space.task!r} is unknown", ", ".join(TASKS), nearest(space.task, TASKS) or todo)
    metrics = objectives(space.task)
    raise_all(objective_problems(space, metrics, str(path)))
    direction = metrics[str(space.metric)].direction
    if space.mode != direction:
        raise UserError(f"{path}: mode is {space.mode!r}", direction, todo)
    return space


def name_taken(storage: Storage, name: str) -> UserError:
    """Returns the error for a new study whose name is taken."""
    return UserError(
        f"study {name!r} is in {storage} already",
        "a new name: a study is never overwritten",
        f"{Paths.of(storage, name).command('resume')}, or --study ANOTHER-NAME",
    )


class Study:
    """A study: its space, its folder and its trial records.

    Attributes:
        records: Trial id -> record, by trial number. They change only through the methods of the study.
        checkpoints: The saved checkpoints of the trials.
        storage_error: Why nothing can be written any more; None while the storage works.
        remarks: What was repaired when the study was read.
    """

    def __init__(self, space: Space, paths: Paths, name: str) -> None:
        self._space, self.paths, self.name = space, paths, name
        self.records: dict[str, TrialRecord] = {}
        self.checkpoints = CheckpointIndex(paths)
        self.storage_error: StorageLost | None = None
        self.remarks: list[str] = []
        self._observers: list[Callable[[TrialRecord], None]] = []

    def __getstate__(self) -> dict[str, object]:
        # Ray Tune pickles the searcher and with it this object; observers belong to this process alone.
        return {**self.__dict__, "_observers": []}

    @property
    def space(self) -> Space:
        """The resolved space."""
        return self._space

    @property
    def metric(self) -> str:
        return str(self.space.metric)

    @property
    def mode(self) -> str:
        assert self.space.mode is not None  # resolved when the space was checked
        return str(self.space.mode)  # Ray Tune accepts no enum

    # ---- the folder

    @classmethod
    def create(cls, space: Space, storage: Storage | Path, name: str, resume_from: Path | None = None) -> Study:
        """Creates a new study; its only trial may continue from the checkpoint `resume_from` of another one.

        Raises:
            UserError: The name is taken. A study is never overwritten.
            StorageLost: The bucket does not answer.
        """
        storage = storage if isinstance(storage, Storage) else storage_at(storage)
        paths = Paths.of(storage, name)
        refusal = name_taken(storage, name)
        if storage.bucket:
            if storage.has(name):
                raise refusal
            shutil.rmtree(paths.root, ignore_errors=True)  # the copy of a study that was deleted in the bucket
        if os.path.lexists(paths.root):
            raise refusal
        # The folder appears together with its space; else a kill in between would leave a name taken by nothing.
        try:
            with new_folder(paths.root, mode=OWNER_ONLY) as folder:
                staging = Paths(folder)
                staging.trials.mkdir()
                cls(space, staging, name).save_space()
                if resume_from is not None:
                    write_json(staging.resume_from, {"checkpoint": str(resume_from)})
        except FileExistsError:  # another process was faster
            raise refusal from None
        study = cls(space, paths, name)
        study.publish(paths.space)
        return study

    @contextmanager
    def tentative(self) -> Iterator[Callable[[], None]]:
        """Deletes the new study after a `UserError` that comes before the yielded function was called."""
        is_permanent = False

        def make_permanent() -> None:
            nonlocal is_permanent
            is_permanent = True

        try:
            yield make_permanent
        except UserError:
            if not is_permanent:
                shutil.rmtree(self.paths.root)
                if self.paths.bucket:
                    remove(self.paths.bucket)
            raise

    @classmethod
    def load(cls, storage: Storage | Path, name: str) -> Study:
        """Reads the study called `name` with its records; a study in a bucket is downloaded first.

        Raises:
            UserError: There is no such study, or a file of it is damaged.
            StorageLost: The bucket does not answer.
        """
        storage = storage if isinstance(storage, Storage) else storage_at(storage)
        paths = cls.find(storage, name)
        if storage.bucket:
            fetch(paths.root, paths.bucket, light=storage.light)
        check_study(paths.root, paths.trials)
        study = cls(_saved_space(paths.space), paths, name)
        study._load_records()
        return study

    @staticmethod
    def find(storage: Storage, name: str) -> Paths:
        """Returns the paths of the study called `name`.

        Raises:
            UserError: There is no such study.
        """
        # A name with a slash would lead out of the storage, and the folders of its trials with it.
        if not re.fullmatch(r"\w[\w.-]*", name) or not storage.has(name):
            names = storage.names()
            raise UserError(
                f"there is no study {name!r} in {storage}",
                ", ".join(names) or "none yet: start one with kotune tune",
                nearest(name, names) or "name one of them, or its storage with --storage FOLDER",
            )
        return Paths.of(storage, name)

    def _load_records(self) -> None:
        trials = self.paths.trials
        folders = sorted(folder for folder in trials.iterdir() if folder.is_dir()) if trials.is_dir() else []
        by_number: dict[int, TrialRecord] = {}
        for folder in folders:
            record, remark = read_record(folder / RECORD, self.metric)
            self.remarks += [remark] if remark else []
            if record is None:
                continue
            if (twin := by_number.get(record.number)) is not None:
                problem = f"{folder / RECORD}: number {record.number} is that of {twin.trial_id} too"
                raise UserError(problem, "each number once", "move one of the two folders out of the study")
            by_number[record.number] = record
        self.records = {record.trial_id: record for _, record in sorted(by_number.items())}

    def change_space(self, space: Space, *, save: bool = True) -> None:
        """Replaces the space, as when `resume` changes the budget.

        Args:
            save: Write it to `study.yaml`; False for a change that only this process has, or that is saved later.
        """
        self._space = space
        if save:
            self.save_space()

    def save_space(self) -> None:
        """Writes the space; paths of data in the study's folder are written relative to it."""
        plain = redacted(self.space.to_dict())
        root = f"{self.paths.root}{os.sep}"
        plain["data"] = {
            key: value.removeprefix(root) if isinstance(value, str) else value for key, value in plain["data"].items()
        }
        write_text(self.paths.space, yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))
        self.publish(self.paths.space)

    def publish(self, *paths: Path) -> None:
        """Copies files and folders to the bucket of the study, if it is in one.

        Raises:
            StorageLost: The bucket does not answer.
        """
        if self.paths.bucket:
            for path in paths:
                publish(path, self.paths.address(path))

    # ---- changes of records

    def observe(self, observer: Callable[[TrialRecord], None]) -> None:
        """Calls `observer` with every record that changes from now on, after it was written."""
        self._observers.append(observer)

    def begin(self, record: TrialRecord) -> None:
        """Records that a trial starts, or is resumed in a new session."""
        self.records[record.trial_id] = record
        folder = self.paths.trial(record.trial_id)
        retry_on_storage_error(lambda: make_folder(folder), f"the folder of trial {record.trial_id}")
        self._write(record)

    def add(
        self, trial_id: str, epoch: float, step: int, metrics: Mapping[str, float], seconds: float, last: bool = False
    ) -> bool:
        """Adds a result.

        Returns:
            False if the result is on record: a trial that resumes from an older checkpoint repeats evaluations.
        """
        record = self.records[trial_id]
        if record.results and epoch <= record.last_epoch:
            return False
        record.results.append(Result(self._next_order(), epoch, step, dict(metrics), seconds, last))
        self._write(record)
        return True

    def end(self, trial_id: str, status: TrialStatus, reason: str = "") -> None:
        """Records that a trial has ended."""
        record = self.records[trial_id]
        record.status, record.reason = status, redact(reason)
        self._write(record)

    def set_storage_error(self, error: StorageLost) -> None:
        """Records that nothing can be written any more; the first error counts."""
        self.storage_error = self.storage_error or error

    def _next_order(self) -> int:
        return 1 + max((record.results[-1].order for record in self.records.values() if record.results), default=0)

    def _write(self, record: TrialRecord) -> None:
        if self.storage_error is not None:  # a later result must not be on record without the one that is lost
            raise self.storage_error
        file = self.paths.trial(record.trial_id) / RECORD
        write_record(file, record)
        self.publish(file)
        for observer in self._observers:
            observer(record)

    # ---- questions

    def with_status(self, *statuses: TrialStatus) -> list[TrialRecord]:
        """Returns the records that have one of these statuses."""
        return [record for record in self.records.values() if record.status in statuses]

    def ranked(self, records: Iterable[TrialRecord] | None = None) -> list[TrialRecord]:
        """Returns the records that have a value, or those of `records`, best first."""
        entries = self.records.values() if records is None else records
        goal = self.metric, self.mode
        return rank_trials(entries, lambda one: one.best_value(*goal), self.mode, lambda one: one.best_loss(*goal))

    @property
    def default(self) -> TrialRecord | None:
        """The recipe default's trial."""
        return next((record for record in self.records.values() if record.is_default), None)
