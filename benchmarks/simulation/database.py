"""Optuna's database: a journal in memory that fails with the disk, and that can return to an earlier state.

A study in a bucket may resume with a database that is some seconds older than its records.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from benchmarks.simulation.disk import Disk, Fault
from search_spaces.choices import Direction
from search_spaces.schema import Space


class Journal(BaseJournalBackend):
    """The log of a database. Every write is an operation of the disk, at which a process may be killed."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.entries: list[dict[str, Any]] = []

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self.entries[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        if self._disk.fault is not Fault.NONE:
            raise optuna.exceptions.StorageInternalError("the disk cannot be written")
        self._disk.step("commit", "optuna.db", lambda: self.entries.extend(copy.deepcopy(logs)))

    def truncate(self, rng: random.Random) -> int:
        """Removes the newest entries, or all; returns how many."""
        size = rng.choice((0, len(self.entries) // 2, max(0, len(self.entries) - 3)))
        removed = len(self.entries) - size
        del self.entries[size:]
        return removed


def open_study_in(journal: Journal) -> Callable[..., optuna.Study]:
    """Returns a function for the place of `tuning.algorithms.optuna_storage.open_study`."""

    def open_study(path: Path, space: Space, address: str = "") -> optuna.Study:
        direction = "maximize" if space.mode == Direction.MAX else "minimize"
        storage = JournalStorage(journal)
        return optuna.create_study(
            storage=storage, study_name=path.parent.name, direction=direction, load_if_exists=True
        )

    return open_study
