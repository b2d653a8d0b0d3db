"""What a history showed: records, decisions and losses, and the violations that were seen while it ran."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import optuna

from benchmarks.histories.scenario import METRIC
from benchmarks.simulation.simulation import STUDY
from foundation.statuses import TrialStatus
from trainables.training.reports import Decision
from tuning.studies.paths import Paths
from tuning.studies.records import RECORD, TrialRecord, read_record
from tuning.studies.storage import Storage


@dataclass
class Observations:
    """What was observed while a history ran.

    Attributes:
        records: Trial id -> the newest record that something may have acted on.
        continued: Trial id and epoch of every evaluation after which a worker went on.
        losses: Number of processes, machines and messages that were lost.
        sessions: Number of sessions.
        crashes: Number of sessions whose driver was killed.
        violations: One sentence each.
    """

    records: dict[str, TrialRecord] = field(default_factory=dict)
    continued: set[tuple[str, float]] = field(default_factory=set)
    losses: int = 0
    sessions: int = 0
    crashes: int = 0
    violations: list[str] = field(default_factory=list)

    def on_record(self, record: TrialRecord) -> None:
        """A record was written or read: from now on it may be acted on, so it must not be lost."""
        before = self.records.get(record.trial_id)
        if before is not None:
            self.violations += changes(before, record)
        self.records[record.trial_id] = copy.deepcopy(record)

    def on_decision(self, trial_id: str, epoch: float, decision: Decision) -> None:
        """A worker received the decision on an evaluation."""
        if decision is not Decision.CONTINUE:
            return
        record = self.records.get(trial_id)
        if record is None or epoch > record.last_epoch:
            self.violations.append(f"{trial_id} went on at epoch {epoch:g}, which is not on record")
        self.continued.add((trial_id, epoch))

    def check_files(self, folder: Path) -> None:
        """Compares the records in the study's folder with those that were acted on."""
        if not self.records:
            return
        if not Storage(folder).has(STUDY):
            self.violations.append("the study is lost")
            return
        saved = saved_records(folder)
        for trial_id, before in self.records.items():
            if trial_id in saved:
                self.violations += changes(before, saved[trial_id])
            else:
                self.violations.append(f"the record of {trial_id} was acted on, and is lost")


@dataclass(frozen=True)
class Result:
    """A history after its end.

    Attributes:
        records: Trial number -> record.
        trials: The trials in Optuna's database.
        lines: The trace.
        operations: Number of operations of the disk.
    """

    records: Mapping[int, TrialRecord]
    trials: list[optuna.trial.FrozenTrial]
    observations: Observations
    lines: list[str]
    operations: int

    @property
    def digest(self) -> int:
        """A hash of the trace."""
        return int.from_bytes(hashlib.sha256("\n".join(self.lines).encode()).digest()[:8], "big")


def changes(before: TrialRecord, after: TrialRecord) -> list[str]:
    """Returns what a later record of a trial must not have lost or changed."""
    violations = []
    if after.results[: len(before.results)] != before.results:
        violations.append(f"{before.trial_id} had {len(before.results)} results, and they changed or are lost")
    if (after.parameters, after.number) != (before.parameters, before.number):
        violations.append(f"{before.trial_id} has other parameters")
    if before.status is not TrialStatus.RUNNING and after != before:
        violations.append(f"{before.trial_id} had ended as {before.status}, and changed")
    return violations


def saved_records(folder: Path) -> dict[str, TrialRecord]:
    """Returns the records of the study in a folder, as the next session reads them."""
    trials = Paths.of(Storage(folder), STUDY).trials
    records = [read_record(path / RECORD, METRIC)[0] for path in sorted(trials.iterdir())]
    return {record.trial_id: record for record in records if record is not None}
