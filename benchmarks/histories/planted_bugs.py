"""Bugs that are planted into kotune, to see whether the histories detect them.

Each is a line that a programmer could forget or put in the wrong place. `planted(NAME)` replaces functions of kotune
for one context.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.simulation import simulation
from foundation import durable
from foundation.checked_json import plain
from foundation.statuses import TrialStatus
from trainables.slots import mailbox
from trainables.training import checkpoint_store
from trainables.training.reports import Decision
from tuning.algorithms import optuna_mirror, optuna_searcher, samplers, schedulers
from tuning.studies import records, retention, study

#: The object that has a function, the name of the function, and what replaces it.
Replacement = tuple[Any, str, Any]


# ---- writes


def _file_not_synced() -> list[Replacement]:
    """The content of a new file is not synced before the file is renamed."""
    real = durable.new_file

    @contextmanager
    def new_file(path: Path, **options: Any) -> Iterator[Any]:
        fsync = os.fsync  # that of the simulated disk

        def fsync_of_folders(descriptor: int) -> None:
            if os.path.isdir(f"/proc/self/fd/{descriptor}"):
                fsync(descriptor)

        with patch.object(os, "fsync", fsync_of_folders), real(path, **options) as file:
            yield file

    return [(durable, "new_file", new_file)]


def _folder_not_synced() -> list[Replacement]:
    """The name of a new or renamed file is not synced."""
    return [(durable, "sync", lambda path: None)]


def _trial_folder_not_synced() -> list[Replacement]:
    """The name of a trial's new folder is not synced."""
    return [(study, "make_folder", lambda path: path.mkdir(parents=True, exist_ok=True))]


def _not_synced_on_resume() -> list[Replacement]:
    """A resume acts on records that a killed process renamed, and whose folder it did not sync."""
    return [(retention, "sync", lambda path: None)]


def _checkpoint_not_synced() -> list[Replacement]:
    """The files of a checkpoint are not synced before it is moved into place."""
    real = durable.move_folder

    def move_folder(source: Path, target: Path, *, overwrite: bool = False) -> None:
        with patch.object(durable, "sync", lambda path: None):
            real(source, target, overwrite=overwrite)
        durable.sync(target.parent)

    return [(checkpoint_store, "move_folder", move_folder)]


def _written_in_place() -> list[Replacement]:
    """A record is written in place: a crash leaves a part of it, and no previous version."""

    def write_record(path: Path, record: Any) -> None:
        for file in (durable.previous(path), path):
            file.write_text(json.dumps(plain(record)))

    return [(study, "write_record", write_record)]


def _full_disk_not_waited_for() -> list[Replacement]:
    """A full disk is an error like any other."""
    return [(durable, "PAUSES", ()), (durable, "is_storage_error", lambda error: False)]


# ---- records


def _trial_before_record() -> list[Replacement]:
    """A trial starts before its record is written."""
    real = study.Study.begin

    def begin(self: Any, record: Any) -> None:
        if record.trial_id in self.records:
            real(self, record)
        else:
            self.records[record.trial_id] = record

    return [(study.Study, "begin", begin), (optuna_searcher, "write_job", lambda study, job: None)]


def _result_not_written() -> list[Replacement]:
    """A result is on record only when the next result, or the end of the trial, is written."""
    real = study.Study.add

    def add(self: Any, *args: Any, **options: Any) -> bool:
        with patch.object(self, "_write", lambda record: None):
            return bool(real(self, *args, **options))

    return [(study.Study, "add", add)]


def _decision_before_record() -> list[Replacement]:
    """The scheduler decides on a result before it is on record."""
    return [(optuna_searcher.OptunaSearcher, "record", lambda self, trial_id, message: True)]


def _record_after_lost_record() -> list[Replacement]:
    """Results are recorded after one that could not be written."""
    real = study.Study._write

    def write(self: Any, record: Any) -> None:
        with patch.object(self, "storage_error", None):
            real(self, record)

    return [(study.Study, "_write", write)]


def _result_twice() -> list[Replacement]:
    """A repeated evaluation is recorded a second time."""
    real = study.Study.add

    def add(self: Any, trial_id: str, epoch: float, *rest: Any) -> bool:
        record = self.records[trial_id]
        if not record.results or epoch > record.last_epoch:
            return bool(real(self, trial_id, epoch, *rest))
        record.results.append(records.Result(self._next_order(), epoch, *rest))
        self._write(record)
        return True

    return [(study.Study, "add", add)]


def _lock_not_taken() -> list[Replacement]:
    """A driver does not lock its study."""

    @contextmanager
    def study_lock(*_: Any) -> Iterator[str]:
        yield ""

    return [(simulation, "study_lock", study_lock)]


# ---- decisions


def _decision_lost() -> list[Replacement]:
    """A resume does not carry out the stop decisions that a crash left undone."""
    return [(optuna_searcher.OptunaSearcher, "prune", lambda self, records: None)]


def _rungs_empty() -> list[Replacement]:
    """The rungs of the scheduler are empty after a resume."""
    return [(schedulers.ResumableScheduler, "replay", lambda self, records, metric: [])]


def _stop_ignored() -> list[Replacement]:
    """A worker goes on after the decision to stop."""
    real = mailbox.Mailbox.report

    async def report(self: Any, number: int, report: Any) -> Decision:
        decision = await real(self, number, report)
        return Decision.CONTINUE if decision is Decision.STOP and not report.last else decision

    return [(mailbox.Mailbox, "report", report)]


def _hang_not_noticed() -> list[Replacement]:
    """A slot that makes no progress is not replaced."""

    async def seconds_without_progress(self: Any) -> float:
        return 0.0

    return [(mailbox.Mailbox, "seconds_without_progress", seconds_without_progress)]


# ---- Optuna


def _optuna_not_reconciled() -> list[Replacement]:
    """A resume does not compare Optuna's database with the records."""
    return [(optuna_mirror.OptunaMirror, "reconcile", lambda self: [])]


def _optuna_end_not_reconciled() -> list[Replacement]:
    """A resume does not tell Optuna that a trial has ended."""
    real = optuna_mirror.OptunaMirror._reconcile_trial

    def reconcile_trial(self: Any, record: Any, frozen: Any) -> None:
        if frozen is None or record.status is TrialStatus.RUNNING:
            real(self, record, frozen)

    return [(optuna_mirror.OptunaMirror, "_reconcile_trial", reconcile_trial)]


def _seed_of_the_clock() -> list[Replacement]:
    """The sampler's seed depends on the time."""
    real = samplers.derived_seed
    return [(samplers, "derived_seed", lambda seed, *parts: real(seed, *parts, int(time.time())))]


_BUGS: tuple[Callable[[], list[Replacement]], ...] = (
    *(_file_not_synced, _folder_not_synced, _trial_folder_not_synced, _not_synced_on_resume, _checkpoint_not_synced),
    *(_written_in_place, _full_disk_not_waited_for),
    *(_trial_before_record, _result_not_written, _decision_before_record, _record_after_lost_record, _result_twice),
    _lock_not_taken,
    *(_decision_lost, _rungs_empty, _stop_ignored, _hang_not_noticed),
    *(_optuna_not_reconciled, _optuna_end_not_reconciled, _seed_of_the_clock),
)

#: Name -> a function that returns the replacements.
PLANTED_BUGS = {bug.__name__[1:].replace("_", "-"): bug for bug in _BUGS}


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Plants a bug for one context; an empty name plants none."""
    with ExitStack() as stack:
        for owner, attribute, value in PLANTED_BUGS[name]() if name else []:
            stack.enter_context(patch.object(owner, attribute, value))
        yield
