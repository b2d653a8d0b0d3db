"""How many slots fit on what is there, and what each is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.errors import UserError
from search_spaces.schema import Space
from trainables.slot import Shape

#: Tune's own actor asks for this much of a CPU; workers leave it to it, or two of them would not fit in two CPUs.
OWNER_CPUS = 0.001
_SPARE = 0.01


@dataclass(frozen=True)
class Machine:
    """CPUs and GPUs of one machine."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class Plan:
    """How many slots run, and the shape of each."""

    slots: int
    shape: Shape

    @property
    def described(self) -> str:
        """As a person would say it: `2 slots × 1 worker (1 CPU)`."""
        shape = self.shape
        each = f"{shape.gpus:g} GPU" if shape.gpus else f"{math.ceil(shape.cpus):g} CPU"
        workers = f"{shape.workers} worker{'s' * (shape.workers > 1)}"
        return f"{self.slots} slot{'s' * (self.slots > 1)} × {workers} ({each} each)"


def plan_slots(space: Space, machines: Sequence[Machine]) -> Plan:
    """The slots that `space` asks for, or as many as fit.

    Without other wishes a worker takes one GPU where there are GPUs, and one CPU where there are none.

    Raises:
        UserError: one trial needs more than there is, or more slots are asked for than fit.
    """
    wanted = space.slots
    workers = wanted["workers_per_trial"]
    all_gpus = sum(machine.gpus for machine in machines)
    gpus = wanted["gpus_per_worker"]
    if gpus is None:
        gpus = 1.0 if all_gpus else 0.0
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
    cpus = wanted["cpus_per_worker"] or 1.0
    fitting = sum(_fitting(machine, cpus, gpus) for machine in machines) // workers
    there = f"{sum(machine.cpus for machine in machines):g} CPUs and {all_gpus:g} GPUs on {len(machines)} machine(s)"
    need = f"{workers} worker(s) with {cpus:g} CPU(s) and {gpus:g} GPU(s) each"
    if fitting < 1:
        raise UserError(f"one trial needs {need}", f"what is there: {there}", "ask for less, or add machines")
    count = wanted["count"] or fitting
    if count > fitting:
        raise UserError(
            f"--slots {count}, each {need}",
            f"at most {fitting}: there are {there}",
            f"--slots {fitting}, or leave it out",
        )
    return Plan(min(count, space.budget["trials"]), Shape(workers, cpus - _SPARE, gpus))


def _fitting(machine: Machine, cpus: float, gpus: float) -> int:
    by_cpu = math.floor(machine.cpus / cpus + 1e-9)
    return by_cpu if gpus == 0 else min(by_cpu, math.floor(1 / gpus + 1e-9) * int(machine.gpus))


def local_machine() -> Machine:
    """This machine, as Ray would count it, without starting Ray."""
    import torch
    from ray._private.utils import get_num_cpus

    return Machine(float(get_num_cpus()), float(torch.cuda.device_count()))
