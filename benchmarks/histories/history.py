"""Runs one history: the disturbed sessions of a scenario, and then undisturbed ones until the study is complete."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

from benchmarks.histories.observations import Observations, Result
from benchmarks.histories.scenario import METRIC, Incident, IncidentKind, Scenario, SessionPlan, StudySettings
from benchmarks.simulation.disk import Fault
from benchmarks.simulation.kernel import Process
from benchmarks.simulation.simulation import Simulation
from benchmarks.simulation.training import SmoothCurve
from foundation.durable import PAUSES, StorageLost
from foundation.errors import UserError
from foundation.statuses import SessionEnd
from trainables.slots.slot import save_all_and_stop
from tuning.search import Search
from tuning.studies.lock import DEAD_SECONDS

#: Undisturbed sessions after which a study must be complete.
_MAX_SESSIONS = 4

#: Seconds without a storage that every session survives.
_SURVIVED_SECONDS = sum(PAUSES)

#: A worker or owner that is to be killed is killed at one of its first operations.
_FIRST_OPERATIONS = 60

_DISK_FAULTS = {
    IncidentKind.DISK_FULL: Fault.FULL,
    IncidentKind.DISK_READ_ONLY: Fault.READ_ONLY,
    IncidentKind.DISK_UNAVAILABLE: Fault.UNAVAILABLE,
}


class History:
    """One history, from an empty folder to a complete study.

    Args:
        folder: its content is deleted first.
    """

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._scenario, self._folder = scenario, folder
        self._rng = random.Random(scenario.seed + 7)
        self._plan: SessionPlan | None = None  # of a disturbed session, while it runs
        self.observations = Observations()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        study = scenario.study
        self.simulation = Simulation(folder, scenario.seed, study.machines, SmoothCurve(METRIC, study.failures))
        self.simulation.on_search = self._on_search
        self.simulation.on_decision = self.observations.on_decision
        self.simulation.on_start = self._on_start
        self.simulation.on_two_drivers = self._on_two_drivers

    def run(self) -> Result:
        """Runs all sessions."""
        simulation, observations = self.simulation, self.observations
        with simulation.open():
            try:
                for plan in self._scenario.sessions:
                    self._run_disturbed(plan)
                self._complete()
            except (TimeoutError, RuntimeError) as error:
                observations.violations.append(f"{type(error).__name__}: {error}")
            study, trials = simulation.study, simulation.optuna_trials()
        records = {record.number: record for record in study.records.values()} if study else {}
        observations.losses += simulation.network.lost_calls
        return Result(records, trials, observations, simulation.lines, simulation.disk.operations)

    # ---- sessions

    def _run_disturbed(self, plan: SessionPlan) -> None:
        simulation, network, scenario = self.simulation, self.simulation.network, self._scenario
        network.delay = scenario.delay
        network.loss_rate, network.duplicate_rate = scenario.loss_rate, scenario.duplicate_rate
        for incident in plan.incidents:
            simulation.kernel.loop.call_later(incident.at, self._begin_incident, incident)
        self._plan = plan
        self._run_session(plan.budget_seconds, self._driver_machine(plan), plan.crash)
        self._plan = None
        simulation.run_on(plan.orphan_seconds)
        self._restore(plan)
        self.observations.check_files(self._folder)

    def _driver_machine(self, plan: SessionPlan) -> str:
        alive = [one.name for one in self.simulation.ray.machines if one.is_alive]
        return alive[-1] if plan.driver_moves and len(alive) > 1 else "m0"

    def _restore(self, plan: SessionPlan) -> None:
        """Ends the processes of a session and all of its incidents."""
        simulation = self.simulation
        simulation.kernel.cancel(self._begin_incident, self._end_incident)
        simulation.network.loss_rate = simulation.network.duplicate_rate = 0.0
        if plan.power_loss:
            simulation.lose_power(self._rng)
        else:
            simulation.kill_all()
        simulation.disk.fault = Fault.NONE
        for machine in simulation.ray.machines:
            machine.is_alive = True
        if plan.older_database:
            simulation.trace(f"Optuna's database loses {simulation.journal.truncate(self._rng)} entries")

    def _complete(self) -> None:
        for _ in range(_MAX_SESSIONS):
            end = self._run_session(None, "m0", None)
            self.simulation.kill_all()
            if end is SessionEnd.DONE:
                break
        else:
            self.observations.violations.append(f"not complete after {_MAX_SESSIONS} undisturbed sessions: {end}")
        self._run_session(None, "m0", None)  # to resume a complete study changes nothing

    def _run_session(self, budget_seconds: float | None, machine: str, crash: int | None) -> Any:
        """Runs one session; returns how it ended, as `Simulation.session`."""
        simulation, observations = self.simulation, self.observations
        space = self._scenario.study.space(budget_seconds)
        observations.sessions += 1
        end = simulation.session(space, machine, crash)
        if isinstance(end, UserError) and "another process works" in str(end):
            # The heartbeat of a driver that died on another machine is still fresh.
            simulation.trace(f"refused: {end}")
            simulation.run_on(DEAD_SECONDS + 1.0)
            end = simulation.session(space, machine, crash)
        if end is None:
            observations.crashes += 1
        elif isinstance(end, BaseException):
            simulation.trace(f"driver: {type(end).__name__}: {end}")
            if not (isinstance(end, StorageLost | OSError | UserError) and self._has_disk_fault()):
                observations.violations.append(f"the driver ended with {type(end).__name__}: {end}")
        elif end is SessionEnd.STORAGE_LOST and not self._has_disk_fault(_SURVIVED_SECONDS):
            reason = simulation.study.storage_error if simulation.study else None
            observations.violations.append(f"the session paused after a short fault of the disk: {reason}")
        return end

    def _has_disk_fault(self, seconds: float = 0.0) -> bool:
        """Whether faults of the disk that take longer than `seconds` together are planned for this session."""
        incidents = self._plan.incidents if self._plan is not None else ()
        return sum(one.seconds for one in incidents if one.kind in _DISK_FAULTS) > seconds

    # ---- called by the simulation

    def _on_search(self, search: Search) -> None:
        for record in search.study.records.values():  # a resumed study acts on what it has read
            self.observations.on_record(record)
        search.study.observe(self.observations.on_record)

    def _on_start(self, process: Process) -> None:
        if self._plan is not None and self._rng.random() < self._plan.worker_crash_rate:
            self.observations.losses += 1
            self.simulation.disk.crashes[process] = self._rng.randrange(_FIRST_OPERATIONS)

    def _on_two_drivers(self) -> None:
        self.observations.violations.append("two drivers work on the study")

    # ---- incidents

    def _begin_incident(self, incident: Incident) -> None:
        simulation, kind, driver = self.simulation, incident.kind, self.simulation.driver
        if driver is None or driver.is_over:
            return
        simulation.trace(f"incident: {kind}")
        if kind in _DISK_FAULTS:
            simulation.disk.fault = _DISK_FAULTS[kind]
            simulation.kernel.loop.call_later(incident.seconds, self._end_incident, incident)
        elif kind is IncidentKind.CLOCK:
            simulation.wall_offset += (incident.seconds - 60.0) * 60.0  # back or forth, by up to two hours
        elif kind is IncidentKind.CTRL_C:
            simulation.kernel.spawn("ctrl-c", save_all_and_stop, driver.machine)
            simulation.interrupted = True
        elif kind is IncidentKind.SECOND_DRIVER:
            space = self._scenario.study.space()
            simulation.kernel.spawn("second driver", lambda: simulation.drive(space), "m0")
        elif kind is IncidentKind.MACHINE:
            self._remove_machine(incident, driver)
        elif kind is IncidentKind.MAILBOX:
            self._kill_mailbox(incident.number)
        else:
            self._stop_process(incident)

    def _end_incident(self, incident: Incident) -> None:
        self.simulation.trace(f"incident over: {incident.kind}")
        if incident.kind is IncidentKind.MACHINE:
            for machine in self.simulation.ray.machines:
                machine.is_alive = True
        else:
            self.simulation.disk.fault = Fault.NONE

    def _remove_machine(self, incident: Incident, driver: Process) -> None:
        simulation = self.simulation
        others = [one for one in simulation.ray.machines if one.is_alive and one.name != driver.machine]
        if others:
            self.observations.losses += others[0].slots
            simulation.kill_machine(others[0])
            simulation.kernel.loop.call_later(incident.seconds, self._end_incident, incident)

    def _kill_mailbox(self, number: int) -> None:
        actors = [actor for actor in self.simulation.ray.actors if actor.is_alive]
        if actors:
            self.observations.losses += 1
            actors[number % len(actors)].kill()

    def _stop_process(self, incident: Incident) -> None:
        """Kills an owner or a worker, or makes a worker hang."""
        name = "owner" if incident.kind is IncidentKind.OWNER else "worker"
        processes = [one for one in self.simulation.kernel.processes if one.name.startswith(name)]
        if not processes:
            return
        self.observations.losses += 1
        process = processes[incident.number % len(processes)]
        if incident.kind is IncidentKind.HANG:
            process.hangs = True
        else:
            self.simulation.kernel.kill(process)


def undisturbed(study: StudySettings, folder: Path) -> Result:
    """Returns the run of a study without incidents."""
    return History(Scenario(study.seed, study, 0.0, 0.0, 0.0, ()), folder).run()
