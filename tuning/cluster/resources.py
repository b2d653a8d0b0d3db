"""How many slots fit on what is there, and what each is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.slots.settings import Shape

#: Tune's own actor asks for this much of a CPU; workers leave it to it, or two of them would not fit in two CPUs.
OWNER_CPUS = 0.001
_SPARE = 0.01


@dataclass(frozen=True)
class Machine:
    """CPUs and GPUs of one machine, and what it calls itself."""

    cpus: float
    gpus: float
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Plan:
    """How many slots run, and the shape of each.

    Args:
        slots: how many there is room for at the start.
        least: so many are waited for before the search begins.
        most: so many run beside each other if there is room.
        asks: whether a cluster is asked for machines until there are `most`.
    """

    slots: int
    shape: Shape
    least: int = 1
    most: int = 0
    asks: bool = False

    @property
    def limit(self) -> int:
        """How many slots may ever run beside each other."""
        return max(self.slots, self.most)

    @property
    def description(self) -> str:
        """As a person would say it: `2 slots × 1 worker (1 CPU)`."""
        shape = self.shape
        each = f"{shape.gpus:g} GPU" if shape.gpus else f"{math.ceil(shape.cpus):g} CPU"
        workers = f"{shape.workers} worker{'s' * (shape.workers > 1)}"
        count = f"{self.least} to {self.most} slots" if self.asks else f"{self.slots} slot{'s' * (self.slots > 1)}"
        return f"{count} × {workers} ({each} each)"


def plan_slots(space: Space, machines: Sequence[Machine], kinds: Sequence[Machine] | None = ()) -> Plan:
    """The slots that `space` asks for, or as many as fit.

    Without other wishes a worker takes one GPU where there are GPUs, and one CPU where there are none.

    Args:
        kinds: machines that the cluster can bring; None: it may bring some, and does not say which.

    Raises:
        UserError: one trial needs more than there is or can be, or more slots are asked for than fit.
    """
    wanted = space.slots
    workers = wanted.workers_per_trial
    total_cpus, total_gpus = (sum(each) for each in zip(*[(0.0, 0.0), *map(_both, machines)], strict=True))
    there = f"what is there: {total_cpus:g} CPUs and {total_gpus:g} GPUs on {len(machines)} machine(s)"
    gpus = wanted.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if any(machine.gpus for machine in (*machines, *(kinds or ()))) else 0.0
    if 0 < gpus < 1 and workers > 1:
        raise UserError(
            f"{workers} workers per trial with {gpus:g} GPU each",
            "a whole GPU per worker: NCCL cannot put two workers of one trial on one GPU",
            "--workers-per-trial 1, or --gpus-per-worker 1",
        )
    if gpus > 1:
        raise UserError(
            f"{gpus:g} GPUs per worker", "at most 1: a worker drives one GPU", f"--workers-per-trial {gpus:g}"
        )
    cpus = wanted.cpus_per_worker or 1.0
    shape = Shape(workers, cpus - _SPARE, gpus)
    fits = room(machines, shape)
    need = f"one trial needs {workers} worker(s) with {cpus:g} CPU(s) and {gpus:g} GPU(s) each"
    if isinstance(wanted.count, str):
        least, most = (min(int(part), space.budget.trials) for part in wanted.count.split(":"))
        if kinds is not None and not any(_fitting(machine, shape) for machine in (*machines, *kinds)):
            kind = ", ".join(f"{cpus:g} CPUs and {gpus:g} GPUs" for cpus, gpus in map(_both, kinds))
            can = f"; the cluster can bring machines with {kind}" if kinds else ""
            raise UserError(need, there + can, "ask for less, or add machines")
        return Plan(min(fits, most), shape, least, most, asks=True)
    if fits < 1:
        todo = "ask for less, or add machines; of a cluster that brings them when asked: --slots 1:8"
        raise UserError(need, there, todo if kinds is None or kinds else "ask for less, or add machines")
    count = wanted.count or fits
    if count > fits:
        raise UserError(f"--slots {count}: {need}", f"at most {fits}: {there}", f"--slots {fits}, or leave it out")
    return Plan(min(count, space.budget.trials), shape)


def room(machines: Sequence[Machine], shape: Shape) -> int:
    """How many slots of a shape the machines have room for; the workers of one may lie on several."""
    return sum(_fitting(machine, shape) for machine in machines) // shape.workers


def _both(machine: Machine) -> tuple[float, float]:
    return machine.cpus, machine.gpus


def _fitting(machine: Machine, shape: Shape) -> int:
    by_cpu = math.floor(machine.cpus / (shape.cpus + _SPARE) + 1e-9)
    return by_cpu if shape.gpus == 0 else min(by_cpu, math.floor(1 / shape.gpus + 1e-9) * int(machine.gpus))


def local_machine() -> Machine:
    """This machine, as Ray would count it, without starting Ray."""
    import torch

    from trainables.slots.ray_internals import count_cpus

    return Machine(float(count_cpus()), float(torch.cuda.device_count()))
