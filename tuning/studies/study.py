"""A study: one search, its folder and its records."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from foundation.buckets import remove
from foundation.durable import StorageLost, new_folder, write_text
from foundation.errors import UserError, nearest
from foundation.secrets import redact, redacted
from foundation.statuses import TrialStatus
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from search_spaces.values import SavedLoader, load_yaml
from trainables.tasks.registry import TASKS
from trainables.training.checkpoints import Checkpoint, list_complete
from tuning.studies.paths import Paths
from tuning.studies.permissions import OWNER_ONLY
from tuning.studies.records import RECORD, Result, TrialRecord, read_record, write_record
from tuning.studies.storage import Storage, fetch, publish, storage_at
from tuning.studies.validation import check_study

_SPLITS = ("train", "dev", "test")


def _saved_space(path: Path) -> Space:
    """The space in a study's `study.yaml`.

    Raises:
        UserError: it is no whole space.
    """
    todo = "put back a copy of the file, or start a new study"
    try:
        mapping = load_yaml(path.read_bytes(), str(path), SavedLoader)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "a readable file", "look at its rights") from None
    if isinstance(mapping, dict) and isinstance(mapping.get("data"), dict):
        data = mapping["data"]  # what has no path of its own lies in the study's folder
        here = {split: str(path.parent / data[split]) for split in _SPLITS if isinstance(data.get(split), str)}
        mapping = {**mapping, "data": {**data, **here}}
    space = from_dict(mapping, str(path))
    if space.task not in TASKS:
        raise UserError(f"{path}: task {space.task!r} is unknown", ", ".join(TASKS), nearest(space.task, TASKS) or todo)
    directions, metric = TASKS[space.task].directions(), str(space.metric)
    if metric not in directions:
        raise UserError(f"{path}: metric is {space.metric!r}", ", ".join(directions), todo)
    if space.mode != directions[metric]:
        raise UserError(f"{path}: mode is {space.mode!r}", directions[metric], todo)
    return space


def name_taken(storage: Storage, name: str) -> UserError:
    """What is told of a new study whose name another has."""
    return UserError(
        f"study {name!r} is in {storage} already",
        "a new name: a study is never overwritten",
        f"{Paths.of(storage, name).command('resume')}, or --study ANOTHER-NAME",
    )


class Study:
    """The records of a study, and whoever listens to their changes."""

    def __init__(self, space: Space, paths: Paths, name: str) -> None:
        self.space, self.paths, self.name = space, paths, name
        self.records: dict[str, TrialRecord] = {}
        self.listeners: list[Callable[[TrialRecord], None]] = []
        #: The checkpoints of trials that ended, as they were when somebody looked last.
        self.shelves: dict[str, list[Checkpoint]] = {}
        self._values: dict[str, tuple[int, float | None]] = {}  # trial -> how many results, and the best of them
        self.lost: StorageLost | None = None  # why nothing more can be written
        self.remarks: list[str] = []  # what was mended when the study was read
        self._order = 0

    def __getstate__(self) -> dict[str, Any]:
        # Ray Tune pickles whoever proposes trials, and with it this; listeners are of this process alone.
        return {**self.__dict__, "listeners": []}

    @property
    def metric(self) -> str:
        return str(self.space.metric)

    @property
    def mode(self) -> str:
        assert self.space.mode is not None  # resolved when the space was checked
        return self.space.mode

    @classmethod
    def create(cls, space: Space, storage: Storage | Path, name: str) -> Study:
        """A new study.

        Raises:
            UserError: one of that name is there already. Nothing is ever overwritten.
            StorageLost: the bucket does not answer.
        """
        storage = storage if isinstance(storage, Storage) else storage_at(storage)
        paths = Paths.of(storage, name)
        taken = name_taken(storage, name)
        if storage.bucket:
            if storage.has(name):
                raise taken
            shutil.rmtree(paths.root, ignore_errors=True)  # of one that was deleted there
        if os.path.lexists(paths.root):
            raise taken
        # It appears with its space, or whoever is killed in between would leave a name that is taken by nothing.
        try:
            with new_folder(paths.root, mode=OWNER_ONLY) as folder:
                staging = Paths(folder)
                staging.trials.mkdir()
                cls(space, staging, name).save_space()
        except FileExistsError:  # another process was faster
            raise taken from None
        study = cls(space, paths, name)
        study.publish(paths.space)
        return study

    @contextmanager
    def tentative(self) -> Iterator[Callable[[], None]]:
        """Removes the folder, so that its name stays free, if a `UserError` comes before what this gives was called."""
        kept: list[bool] = []
        try:
            yield lambda: kept.append(True)
        except UserError:
            if not kept:
                shutil.rmtree(self.paths.root)
                if self.paths.bucket:
                    remove(self.paths.bucket)
            raise

    @classmethod
    def load(cls, storage: Storage | Path, name: str) -> Study:
        """The study called `name`, with its records; what lies in a bucket is fetched first.

        Raises:
            UserError: there is none.
            StorageLost: the bucket does not answer.
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
        """Where the study called `name` is.

        Raises:
            UserError: there is none.
        """
        # A name with a slash would lead out of the storage, and its trials' folders with it.
        if not re.fullmatch(r"\w[\w.-]*", name) or not storage.has(name):
            known = storage.names()
            raise UserError(
                f"there is no study {name!r} in {storage}",
                ", ".join(known) or "none yet: start one with kotune tune",
                nearest(name, known) or "name one of them, or --storage FOLDER where it lies",
            )
        return Paths.of(storage, name)

    def _load_records(self) -> None:
        trials = self.paths.trials
        folders = sorted(folder for folder in trials.iterdir() if folder.is_dir()) if trials.is_dir() else []
        found: list[TrialRecord] = []
        for folder in folders:
            record, remark = read_record(folder / RECORD, self.metric)
            self.remarks += [remark] if remark else []
            if record and (twins := [other.trial_id for other in found if other.number == record.number]):
                given = f"{folder / RECORD}: number {record.number} is that of {twins[0]} too"
                raise UserError(given, "each number once", "take one of the two folders out")
            found += [record] if record else []
        for record in sorted(found, key=lambda record: record.number):
            self.records[record.trial_id] = record
        self._order = max((result.order for record in self.records.values() for result in record.results), default=0)

    def save_space(self) -> None:
        """Write the resolved space; data that lies in the study's folder is named from there."""
        plain = redacted(self.space.to_dict())
        root = f"{self.paths.root}{os.sep}"
        plain["data"] = {
            key: value.removeprefix(root) if isinstance(value, str) else value for key, value in plain["data"].items()
        }
        write_text(self.paths.space, yaml.safe_dump(plain, allow_unicode=True, sort_keys=False))
        self.publish(self.paths.space)

    def publish(self, *paths: Path) -> None:
        """Copy what was written to the bucket that the study lies in, if it does.

        Raises:
            StorageLost: the bucket does not answer.
        """
        if self.paths.bucket:
            for path in paths:
                publish(path, self.paths.address(path))

    # ---- records

    def begin(self, record: TrialRecord) -> None:
        """A trial starts, or goes on in a new sitting."""
        self.records[record.trial_id] = record
        self.paths.trial(record.trial_id).mkdir(parents=True, exist_ok=True)
        self._changed(record)

    def add(
        self, trial_id: str, epoch: float, step: int, metrics: Mapping[str, float], seconds: float, last: bool = False
    ) -> bool:
        """Keep a result; False for one that is known already (a trial repeats what a crash swallowed)."""
        record = self.records[trial_id]
        if record.results and epoch <= record.results[-1].epoch:
            return False
        self._order += 1
        record.results.append(Result(self._order, epoch, step, dict(metrics), seconds, last))
        self._changed(record)
        return True

    def end(self, trial_id: str, status: TrialStatus, reason: str = "") -> None:
        """A trial is over."""
        record = self.records[trial_id]
        record.status, record.reason = status, redact(reason)
        self._changed(record)

    def _changed(self, record: TrialRecord) -> None:
        file = self.paths.trial(record.trial_id) / RECORD
        write_record(file, record)
        self.publish(file)
        for listener in self.listeners:
            listener(record)

    def lose(self, error: StorageLost) -> None:
        """Remember that nothing more can be written; whatever is complete stays."""
        self.lost = self.lost or error

    # ---- questions

    def shelved(self, record: TrialRecord) -> list[Checkpoint]:
        """The complete checkpoints of a trial, oldest first."""
        if record.status == TrialStatus.RUNNING:
            return list_complete(self.paths.shelf(record.trial_id))
        if record.trial_id not in self.shelves:
            self.shelves[record.trial_id] = list_complete(self.paths.shelf(record.trial_id))
        return self.shelves[record.trial_id]

    def with_status(self, *statuses: TrialStatus) -> list[TrialRecord]:
        return [record for record in self.records.values() if record.status in statuses]

    def ranked(self, records: Iterable[TrialRecord] | None = None) -> list[TrialRecord]:
        """Records that have a value, best first; the earlier trial wins a tie."""
        entries = self.records.values() if records is None else records
        valued = [(self._value(record), record) for record in entries if record.status != TrialStatus.FAILED]
        sign = -1 if self.mode == "max" else 1
        known = [(sign * value, record.number, record) for value, record in valued if value is not None]
        return [record for *_, record in sorted(known, key=lambda entry: entry[:2])]

    def _value(self, record: TrialRecord) -> float | None:
        """The best value of a trial, looked for again only when there are more results."""
        known = self._values.get(record.trial_id)
        if known is None or known[0] != len(record.results):
            known = self._values[record.trial_id] = len(record.results), record.best_value(self.metric, self.mode)
        return known[1]

    @property
    def default(self) -> TrialRecord | None:
        """The recipe default's trial."""
        return next((record for record in self.records.values() if record.is_default), None)
