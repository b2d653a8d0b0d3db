"""A simulation of one study: its machines, network, disk, clock and Optuna database, and one session after another.

    with Simulation(folder, seed, machines=(1, 1), curve=curve).open() as simulation:
        end = simulation.session(space)      # creates or resumes the study; returns when its driver has ended or died

The driver is the real `tuning.search.Search` with the real searcher, scheduler, records, retention and lock. Owners,
slots, mailboxes and the job loop of workers are real too. Ray, Tune's loop and the training are replaced.
"""

from __future__ import annotations

import os
import platform
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import optuna
from optuna.storages import JournalStorage

import foundation.secrets
import trainables.slots.slot
import trainables.slots.worker
import trainables.training.trial
import tuning.search
import tuning.studies.lock
import tuning.studies.study
import tuning.trainable
from benchmarks.simulation.database import Journal, open_study_in
from benchmarks.simulation.disk import Disk
from benchmarks.simulation.fake_ray import FakeRay, Machine, Network
from benchmarks.simulation.fake_tune import FakeTuner
from benchmarks.simulation.kernel import Kernel, Process
from benchmarks.simulation.slots import run_trial_in, simulated_slot
from benchmarks.simulation.threads import FileLocks, Threading
from benchmarks.simulation.training import LearningCurve
from foundation.safe_paths import read_regular
from foundation.statuses import SessionEnd
from search_spaces.schema import Space
from trainables.slots.settings import Shape
from trainables.training.reports import Decision
from tuning.cluster.fleet import Fleet
from tuning.cluster.resources import Machine as Resources
from tuning.cluster.resources import Plan
from tuning.display.live import SilentView
from tuning.search import Search
from tuning.studies import retention
from tuning.studies.lock import study_lock
from tuning.studies.material import Material
from tuning.studies.paths import Paths
from tuning.studies.storage import Storage
from tuning.studies.study import Study

#: The name of the study.
STUDY = "study"

#: The longest session, in virtual seconds.
_MAX_SECONDS = 5_000.0

_MATERIAL = Material({}, {}, {"": {"train": "train", "dev": "dev"}}, "", [])


class _View(SilentView):
    """Passes lines on, and shows nothing else."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def say(self, text: str) -> None:
        self._say(text)


#: Texts repeat, and the environment variables with secrets do not change.
_redact = lru_cache(100_000)(foundation.secrets.redact)

_parsed: dict[bytes, Space] = {}
_parse = tuning.studies.study._saved_space


def _saved_space(path: Path) -> Space:
    """Reads `study.yaml`, and parses equal content once: PyYAML would take a third of the time of a session."""
    content = read_regular(path)
    if content in _parsed:
        read_regular(path)  # as `_parse`: a history must not depend on those before it in this process
    else:
        _parsed[content] = _parse(path)
    return _parsed[content]


class Simulation:
    """Everything around one study. It is the `Environment` of its slots, their training and Tune.

    Args:
        seed: seed of all delays.
        machines: how many slots each machine has room for; several machines are a cluster.
        curve: scores of the trials.

    Attributes:
        lines: The trace.
        driver: The process of the newest session.
        study: The study as the newest session has it in memory.
        interrupted: Whether the user has pressed Ctrl-C in this session.
        wall_offset: Wall-clock time minus virtual time, in seconds.
        on_search: Called with the search of each session before it runs.
        on_two_drivers: Called when a driver gets the lock although another driver works on the study.
    """

    def __init__(self, folder: Path, seed: int, machines: tuple[int, ...], curve: LearningCurve) -> None:
        self.folder, self.curve, self.is_cluster = folder, curve, len(machines) > 1
        self.kernel = Kernel()
        self.lines: list[str] = []
        self.rng = random.Random(seed)
        self.network = Network(random.Random(seed + 1))
        self.disk = Disk(self.kernel, folder, self.trace)
        self.ray = FakeRay(
            self.kernel, self.network, [Machine(f"m{n}", slots) for n, slots in enumerate(machines)], self.trace
        )
        self.journal = Journal(self.disk)
        self.slot_class = simulated_slot(self)
        self.seconds_per_step = 1.0
        self.wall_offset = 1.8e9
        self.driver: Process | None = None
        self.study: Study | None = None
        self.interrupted = False
        self._owner: Process | None = None  # the driver that has the lock
        self.on_search: Callable[[Search], None] = lambda search: None
        self.on_start: Callable[[Process], None] = lambda process: None
        self.on_decision: Callable[[str, float, Decision], None] = lambda trial_id, epoch, decision: None
        self.on_two_drivers: Callable[[], None] = lambda: None

    def trace(self, line: str) -> None:
        """Adds a line to the trace."""
        self.lines.append(f"{self.kernel.loop.now:10.3f} {line}")

    def step_seconds(self) -> float:
        """Draws the duration of the next optimizer step or evaluation."""
        return self.seconds_per_step * (0.5 + self.rng.random())

    def event_seconds(self) -> float:
        """Draws the time that an answer of an actor needs to reach Tune."""
        return self.network.seconds() + 0.001

    # ---- sessions

    def session(self, space: Space, machine: str = "m0", crash: int | None = None) -> SessionEnd | BaseException | None:
        """Runs a driver. Returns how the session ended, the error it ended with, or None if the driver was killed.

        Args:
            crash: number of operations after which the driver is killed; None: it is not killed.
        """
        self.interrupted = False
        self.driver = driver = self.kernel.create("driver", lambda: self.drive(space), machine)
        if crash is not None:
            self.disk.crashes[driver] = crash
        self.kernel.run(driver, _MAX_SECONDS)
        result: SessionEnd | BaseException | None = driver.error or driver.result
        return result

    def drive(self, space: Space) -> SessionEnd:
        """The program of a driver: creates or resumes the study, and searches."""
        storage = Storage(self.folder)
        paths = Paths.of(storage, STUDY)
        if not storage.has(STUDY):
            Study.create(space, storage, STUDY)
        with study_lock(paths.lock_owner, STUDY, str(paths.lock_owner)):
            if self._owner is not None and not self._owner.is_over:
                self.on_two_drivers()
            self._owner = self.kernel.running()
            self.study = study = Study.load(storage, STUDY)
            self.trace(f"driver: {len(study.records)} records, {study.remarks}")
            study.change_space(space, save=False)
            retention.remove_leftovers(study)
            plan = Plan(sum(one.slots for one in self.ray.machines), Shape(1, 1.0, 0.0))
            fleet = Fleet(plan, self._say, self._machines) if self.is_cluster else None
            search = Search(study, _MATERIAL, plan, None, _View(self._say), fleet=fleet)
            self.on_search(search)
            search.run()
            self.trace(f"driver: {search.end}")
            return search.end

    def _say(self, text: str) -> None:
        self.trace(f"driver says: {text}")

    def _machines(self) -> list[Resources]:
        return [Resources(one.slots + 0.5, 0.0, one.name) for one in self.ray.machines if one.is_alive]

    def run_on(self, seconds: float) -> None:
        """Lets the remaining processes run for some seconds."""
        self.kernel.run(self.kernel.create("pause", lambda: self.kernel.sleep(seconds), "m0"), _MAX_SECONDS)

    def kill_all(self) -> None:
        """Kills every process and actor, as the end of Ray does."""
        for process in list(self.kernel.processes):
            self.kernel.kill(process)
        for actor in self.ray.actors:
            actor.kill()
        self.ray.actors.clear()
        self.run_on(0.0)

    def lose_power(self, rng: random.Random) -> None:
        """All machines lose power: what was not synced may be lost."""
        self.kill_all()
        self.trace(f"power lost, with {self.disk.lose_power(rng)} changes of files")

    def kill_machine(self, machine: Machine) -> None:
        """A machine leaves the cluster, with its processes."""
        self.trace(f"machine {machine.name} leaves")
        machine.is_alive = False
        for process in list(self.kernel.processes):
            if process.machine == machine.name:
                self.kernel.kill(process)

    def optuna_trials(self) -> list[optuna.trial.FrozenTrial]:
        """Returns the trials in Optuna's database."""
        trials: list[optuna.trial.FrozenTrial]
        trials = optuna.load_study(storage=JournalStorage(self.journal), study_name=STUDY).get_trials()
        return trials

    # ---- replacements in the modules under test

    @contextmanager
    def open(self) -> Iterator[Simulation]:
        """Replaces Ray, threads, clock, disk and training in the modules under test; kills all processes at the end."""
        with ExitStack() as stack:
            stack.enter_context(self.kernel.closing())
            for module, name, value in self._replacements():
                stack.enter_context(patch.object(module, name, value))
            stack.enter_context(self.disk.installed())
            yield self

    def _replacements(self) -> list[tuple[Any, str, Any]]:
        kernel, threading = self.kernel, Threading(self.kernel)
        return [
            (tuning.trainable, "threading", threading),
            (tuning.studies.lock, "threading", threading),
            (tuning.studies.lock, "FileLock", FileLocks(kernel)),
            (trainables.slots.slot, "threading", threading),
            (tuning.trainable, "ray", self.ray),
            (tuning.trainable, "alive_nodes", self.ray.alive_nodes),
            (trainables.slots.slot, "ray", self.ray),
            (trainables.slots.slot, "alive_nodes", self.ray.alive_nodes),
            (trainables.slots.worker, "ray", self.ray),
            (trainables.training.trial, "run_trial", run_trial_in(self)),
            (trainables.training.trial, "release", lambda engine: None),
            (tuning.search, "open_study", open_study_in(self.journal)),
            (tuning.studies.study, "_saved_space", _saved_space),
            (foundation.secrets, "redact", _redact),
            (tuning.search.tune, "Tuner", self._tuner),
            # The display of steps changes nothing.
            (tuning.search, "watch_steps", lambda read, show: nullcontext()),
            (time, "time", self._clock(lambda: kernel.loop.now + self.wall_offset, time.time)),
            (time, "monotonic", self._clock(kernel.loop.time, time.monotonic)),
            (time, "perf_counter", self._clock(kernel.loop.time, time.perf_counter)),
            (time, "sleep", self._inside(kernel.sleep, time.sleep)),
            (platform, "node", self._inside(lambda: kernel.running().machine, platform.node)),
            (os, "getpid", self._inside(lambda: kernel.running().pid, os.getpid)),
            (os, "kill", self._inside(self._signal, os.kill)),
        ]

    def _inside(self, simulated: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a function that is simulated in processes of the simulation, and real outside."""
        kernel = self.kernel
        return lambda *args: real(*args) if kernel.current is None else simulated(*args)

    def _clock(self, simulated: Callable[[], float], real: Callable[[], float]) -> Callable[[], float]:
        """As `_inside`, and simulated in the coroutines of the simulation too."""
        kernel = self.kernel
        return lambda: simulated() if kernel.current is not None or kernel.loop.is_running() else real()

    def _tuner(self, trainable: Any, tune_config: Any, run_config: Any) -> FakeTuner:
        return FakeTuner(self, trainable, tune_config, run_config)

    def _signal(self, pid: int, number: int) -> None:
        targets = [process for process in self.kernel.processes if process.pid == pid]
        if not targets:
            raise ProcessLookupError(pid)
        if number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self.kernel.kill(targets[0])
