"""Runs histories one after the other in one process, and sums up what they show."""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import optuna

from benchmarks.histories.checks import violations_of
from benchmarks.histories.history import History, undisturbed
from benchmarks.histories.observations import Result
from benchmarks.histories.planted_bugs import planted
from benchmarks.histories.scenario import StudySettings, draw_scenario


@dataclass
class Report:
    """The sum of many histories.

    Attributes:
        crashes: Number of sessions whose driver was killed.
        losses: Number of other processes, machines and messages that were lost.
        operations: Number of operations of the simulated disks.
        violations: Seed -> violations.
        digest: Hash of all traces, whatever their order.
    """

    histories: int = 0
    sessions: int = 0
    crashes: int = 0
    losses: int = 0
    operations: int = 0
    violations: dict[int, list[str]] = field(default_factory=dict)
    digest: int = 0

    def add(self, seed: int, result: Result | None, violations: list[str]) -> None:
        """Adds one history; `result` is None if it could not be finished."""
        self.histories += 1
        if result is not None:
            self.sessions += result.observations.sessions
            self.crashes += result.observations.crashes
            self.losses += result.observations.losses
            self.operations += result.operations
            self.digest ^= result.digest
        if violations:
            self.violations[seed] = violations

    def __add__(self, other: Report) -> Report:
        return Report(
            self.histories + other.histories,
            self.sessions + other.sessions,
            self.crashes + other.crashes,
            self.losses + other.losses,
            self.operations + other.operations,
            self.violations | other.violations,
            self.digest ^ other.digest,
        )


@dataclass(frozen=True)
class Detection:
    """How a planted bug was detected.

    Attributes:
        histories: Number of histories until the first violation; None without one.
        violation: The first line of the first violation.
    """

    histories: int | None
    violation: str


class Runner:
    """Runs histories in `folder`; the undisturbed run of each study is computed once."""

    def __init__(self, folder: Path) -> None:
        optuna.logging.set_verbosity(logging.ERROR)
        self._folder = folder
        self._undisturbed: dict[StudySettings, Result] = {}

    def run(self, seed: int, bug: str = "") -> tuple[Result | None, list[str]]:
        """Runs the history of a seed; returns it, or None if it could not be finished, and its violations."""
        scenario = draw_scenario(seed)
        study, folder = scenario.study, self._folder / "study"
        if study.is_deterministic and study not in self._undisturbed:
            self._undisturbed[study] = undisturbed(study, self._folder / "undisturbed")
        with planted(bug):
            try:
                result = History(scenario, folder).run()
                return result, violations_of(study, result, self._undisturbed.get(study), folder)
            except Exception as error:  # noqa: BLE001 - no history may end with an error
                return None, [f"{type(error).__name__}: {error}"]


def temporary_folder() -> Path:
    """Returns a new folder, in memory where possible."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="kotune-histories-", dir=memory if memory.is_dir() else None))


def run_histories(seeds: Iterable[int], bug: str = "", *, until_violation: bool = False) -> Report:
    """Runs the histories of these seeds; prints violations to stderr.

    Args:
        bug: name of a planted bug.
        until_violation: stop at the first violation.
    """
    folder, report = temporary_folder(), Report()
    runner = Runner(folder)
    try:
        for seed in seeds:
            result, violations = runner.run(seed, bug)
            report.add(seed, result, violations)
            if violations and until_violation:
                break
            if violations:
                print(f"seed {seed}: {'; '.join(violations[:3])}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def detect(bug: str, seeds: Iterable[int]) -> Detection:
    """Runs histories with a planted bug until the first violation; prints their number to stderr."""
    report = run_histories(seeds, bug, until_violation=True)
    violation = next(iter(report.violations.values()), [""])[0].partition("\n")[0]
    histories = report.histories if violation else None
    print(f"{bug:30} {histories or 'not detected'}", file=sys.stderr, flush=True)
    return Detection(histories, violation)
