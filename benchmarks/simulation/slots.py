"""Simulated slots: the real `Slot`, mailbox and job loop of a worker, without Ray and without a network to train.

Worker groups start, die and start again on the machines of the simulation. The scores of a trial are a function of its
configuration (`training.LearningCurve`), so that a study of hundreds of trials takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from benchmarks.simulation import training
from benchmarks.simulation.fake_ray import FakeRay, Machine, node_id
from benchmarks.simulation.kernel import Process
from benchmarks.simulation.training import SimulatedTraining
from trainables.slots import worker
from trainables.slots.messages import Assignment, WorkerInfo
from trainables.slots.settings import SlotSettings
from trainables.slots.slot import Slot
from trainables.training.worker_cache import WorkerCache

#: Seconds in which a worker group starts, and after which one that died starts again.
_START_SECONDS, _RESTART_SECONDS = 2.0, 1.5


class Environment(training.Environment, Protocol):
    """The part of a simulation that slots use.

    Attributes:
        on_start: Called with every worker and owner before it starts.
    """

    ray: FakeRay
    on_start: Callable[[Process], None]


def simulated_slot(environment: Environment) -> type[Slot]:
    """Returns the class of slots in a simulation, for `SlotTrainable.slot_class`."""

    class SimulatedSlot(Slot):
        """A slot without Ray."""

        def _trainer(self, settings: SlotSettings) -> Any:
            return _Group(environment, self.name, self._mailbox, settings)

        def _clean_up(self) -> None:
            """There are no placement groups."""

    return SimulatedSlot


class _Group:
    """The worker group of a slot. As in Ray Train, it starts again whenever its worker dies."""

    def __init__(self, environment: Environment, name: str, mailbox: Any, settings: SlotSettings) -> None:
        self._environment, self._name, self._mailbox, self._settings = environment, name, mailbox, settings

    def fit(self) -> None:
        """Starts workers until one of them returns."""
        kernel, owner = self._environment.kernel, self._environment.kernel.running()
        while True:
            kernel.sleep(_START_SECONDS)
            while (machine := self._free_machine(owner.machine)) is None:
                kernel.sleep(1.0)
            process = kernel.create(f"worker of {self._name}", self._work, machine.name, owner)
            machine.groups.append(process)
            process.on_end.append(partial(machine.groups.remove, process))
            self._environment.on_start(process)
            kernel.start(process)
            process.over.wait()
            if not process.is_killed and process.error is None:
                return
            kernel.sleep(_RESTART_SECONDS)

    def _free_machine(self, nearest: str) -> Machine | None:
        free = [machine for machine in self._environment.ray.machines if machine.has_room]
        return next((machine for machine in free if machine.name == nearest), free[0] if free else None)

    def _work(self) -> None:
        """As `trainables.slots.worker.work` for a group of one worker."""
        ray, mailbox, process = self._environment.ray, self._mailbox, self._environment.kernel.running()
        info = WorkerInfo(process.machine, process.pid, "CPU, 1 thread", "32 bit", 1)
        ray.get(mailbox.register_group.remote(info, [node_id(process.machine)]))
        turn = 0
        while True:
            job: Assignment | None = ray.get(mailbox.next_job.remote(turn))
            if job is None:
                return
            turn = job.turn
            worker._train_job(job, mailbox, WorkerCache(), 0, False)


def run_trial_in(environment: Environment) -> Callable[..., None]:
    """Returns a function for the place of `trainables.training.trial.run_trial`."""

    def run_trial(job: Any, reporter: Any, cache: Any, callbacks: Sequence[Any] = ()) -> None:
        SimulatedTraining(job, reporter, callbacks, environment).run()

    return run_trial
