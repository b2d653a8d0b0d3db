"""How many slots fit on the machines, and the resources of each slot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.slots.settings import Shape

#: The CPU share of the Tune actor that owns a slot. Workers leave it free: otherwise two of them would not fit in two
#: CPUs.
OWNER_CPUS = 0.001
_SPARE = 0.01


@dataclass(frozen=True)
class Machine:
    """CPUs and GPUs of one machine, and its host name."""

    cpus: float
    gpus: float
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Plan:
    """How many slots run, and the resources of each.

    Args:
        slots: how many there is room for at the start.
        min_slots: the search begins when there is room for so many.
        max_slots: how many run side by side at most, if there is room.
        autoscales: whether kotune requests machines until there is room for `max_slots`.
    """

    slots: int
    shape: Shape
    min_slots: int = 1
    max_slots: int = 0
    autoscales: bool = False

    @property
    def limit(self) -> int:
        """How many slots can ever run side by side."""
        return max(self.slots, self.max_slots)

    @property
    def description(self) -> str:
        """For the user: `2 slots × 1 worker (1 CPU each)`."""
        shape = self.shape
        each = f"{shape.gpus:g} GPU" if shape.gpus else f"{math.ceil(shape.cpus):g} CPU"
        workers = f"{shape.workers} worker{'s' * (shape.workers > 1)}"
        slots = f"{self.slots} slot{'s' * (self.slots > 1)}"
        count = f"{self.min_slots} to {self.max_slots} slots" if self.autoscales else slots
        return f"{count} × {workers} ({each} each)"


def plan_slots(space: Space, machines: Sequence[Machine], machine_types: Sequence[Machine] | None = ()) -> Plan:
    """Returns a plan for the slots that `space` asks for, or for as many as fit.

    By default a worker uses one GPU if any machine has GPUs, and one CPU otherwise.

    Args:
        machine_types: machines that the cluster can start; None if it may start some, of unknown types.

    Raises:
        UserError: one trial needs more than the machines have or can have, or more slots are asked for than fit.
    """
    shape = _shape(space, (*machines, *(machine_types or ())))
    workers, cpus, gpus = shape.workers, shape.cpus + _SPARE, shape.gpus
    fits = room(machines, shape)
    need = f"one trial needs {workers} worker(s) with {cpus:g} CPU(s) and {gpus:g} GPU(s) each"
    total_cpus, total_gpus = (sum(each) for each in zip(*[(0.0, 0.0), *map(_both, machines)], strict=True))
    present = f"available: {total_cpus:g} CPUs and {total_gpus:g} GPUs on {len(machines)} machine(s)"
    count = space.slots.count
    if isinstance(count, str):
        min_slots, max_slots = (min(int(part), space.budget.trials) for part in count.split(":"))
        possible = None if machine_types is None else (*machines, *machine_types)
        if possible is not None and not any(_workers_on(machine, shape) for machine in possible):
            types = ", ".join(f"{cpus:g} CPUs and {gpus:g} GPUs" for cpus, gpus in map(_both, machine_types or ()))
            startable = f"; the cluster can start machines with {types}" if types else ""
            raise UserError(need, present + startable, "ask for less, or add machines")
        return Plan(min(fits, max_slots), shape, min_slots, max_slots, autoscales=True)
    if fits < 1:
        todo = "ask for less, or add machines"
        if machine_types is None or machine_types:
            todo += "; --slots 1:8 makes an autoscaling cluster start machines"
        raise UserError(need, present, todo)
    count = count or fits
    if count > fits:
        raise UserError(f"--slots {count}: {need}", f"at most {fits}: {present}", f"--slots {fits}, or no --slots")
    return Plan(min(count, space.budget.trials), shape)


def _shape(space: Space, machines: Sequence[Machine]) -> Shape:
    """The resources of each slot, on machines that are present or can be started."""
    workers, gpus = space.slots.workers_per_trial, space.slots.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if any(machine.gpus for machine in machines) else 0.0
    if 0 < gpus < 1 and workers > 1:
        raise UserError(
            f"{workers} workers per trial with {gpus:g} GPU each",
            "a whole GPU per worker: NCCL cannot put two workers of one trial on one GPU",
            "--workers-per-trial 1, or --gpus-per-worker 1",
        )
    if gpus > 1:
        raise UserError(
            f"{gpus:g} GPUs per worker", "at most 1: a worker uses one GPU", f"--workers-per-trial {gpus:g}"
        )
    return Shape(workers, (space.slots.cpus_per_worker or 1.0) - _SPARE, gpus)


def room(machines: Sequence[Machine], shape: Shape) -> int:
    """How many slots fit on the machines; the workers of one slot can be on several."""
    return sum(_workers_on(machine, shape) for machine in machines) // shape.workers


def _both(machine: Machine) -> tuple[float, float]:
    return machine.cpus, machine.gpus


def _workers_on(machine: Machine, shape: Shape) -> int:
    by_cpu = math.floor(machine.cpus / (shape.cpus + _SPARE) + 1e-9)
    return by_cpu if shape.gpus == 0 else min(by_cpu, math.floor(1 / shape.gpus + 1e-9) * int(machine.gpus))


def local_machine() -> Machine:
    """This machine as Ray would count it, without starting Ray."""
    import torch

    from trainables.slots.ray_internals import count_cpus

    return Machine(float(count_cpus()), float(torch.cuda.device_count()))
