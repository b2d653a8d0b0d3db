"""How many slots a cluster has room for, as machines come and go.

A cluster that brings machines does so for work that waits. What waits here are placement groups, one for each slot that
there is work but no room for: they go with this process, however it ends, so that nobody pays for a request that
somebody forgot to take back.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from foundation.errors import first_line
from foundation.formatting import clock_text
from tuning.cluster.resources import Machine, Plan, room

#: Seconds between two looks at the cluster.
_LOOK_SECONDS = 1.0

#: Seconds after which a person who waits for machines is told again.
_REMIND_SECONDS = 300.0

#: What a task ends with whose machine went.
_GOING = (ray.exceptions.NodeDiedError, ray.exceptions.TaskUnschedulableError, ray.exceptions.WorkerCrashedError)

#: Where `ray up` leaves its file on the head.
_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")


def alive_machines() -> list[Machine]:
    """The machines of the cluster that are there."""
    return [
        Machine(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0), node["NodeManagerHostname"])
        for node in ray.nodes()
        if node["Alive"]
    ]


def machine_types(file: Path = _BOOTSTRAP) -> list[Machine] | None:
    """The machines that the cluster can bring, as `ray up` was told; None where nobody here knows."""
    try:
        told = yaml.safe_load(file.expanduser().read_text(encoding="utf-8"))
        types = told["available_node_types"]
        workers = [kind for name, kind in types.items() if name != told["head_node_type"]]
        found = [kind.get("resources") or {} for kind in workers if kind.get("max_workers", 1)]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None
    if not all("CPU" in resources for resources in found):  # found out when they come
        return None
    return [Machine(float(resources["CPU"]), float(resources.get("GPU", 0))) for resources in found]


def machines_without_folder(folder: Path, say: Callable[[str], None], seconds: float = 60.0) -> list[str]:
    """Other machines of the cluster that do not see what this one writes into `folder`: addresses, with causes.

    Args:
        say: is told which machines gave no answer.
        seconds: how long their answers are waited for.
    """
    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    if not others:
        return []
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(prefix=".seen-", dir=folder) as file:
            asked = {_asked(node["NodeID"], file.name): node["NodeManagerAddress"] for node in others}
            answered, silent = ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
    finally:
        for part in made:
            with contextlib.suppress(OSError):  # another study began there
                part.rmdir()
    if silent:
        unknown = ", ".join(sorted(asked[answer] for answer in silent))
        say(f"no answer in {seconds:g} s whether {folder} is seen by {unknown}")
    causes = {asked[answer]: _why_not(answer) for answer in answered}
    return sorted(f"{machine}{cause}" for machine, cause in causes.items() if cause is not None)


def _asked(node: str, file: str) -> ray.ObjectRef:
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(is_seen).options(scheduling_strategy=there).remote(file)


def _why_not(answer: ray.ObjectRef) -> str | None:
    """What to say of a machine that does not see a file; None of one that does, or that is going just now."""
    try:
        return None if ray.get(answer) else ""
    except _GOING:
        return None
    except ray.exceptions.RayError as error:
        return f" ({first_line(error)})"


def is_seen(file: str, seconds: float = 5.0) -> bool:
    """Whether this machine sees a file, in time for a shared folder that is slow to show what is new."""
    end = time.monotonic() + seconds
    while not (seen := os.path.isfile(file)) and time.monotonic() < end:
        time.sleep(0.2)
    return seen


class Fleet:
    """The room for slots on a cluster; asks for more machines if the plan says so.

    Args:
        say: tells a person one thing.
        look: answers the machines that are there.
    """

    def __init__(
        self, plan: Plan, say: Callable[[str], None], look: Callable[[], list[Machine]] = alive_machines
    ) -> None:
        self._plan, self._say, self._look = plan, say, look
        self._asked: list[PlacementGroup] = []
        self._looked = -_LOOK_SECONDS
        #: How many slots there was room for at the last look, and at most.
        self.slots = self.most_slots = plan.slots
        #: What the machines call themselves that were there at the last look.
        self.names: set[str] = set()

    def room(self, started: int, wanted: int) -> int:
        """How many slots there is room for.

        Args:
            started: how many are there, or wait for a place themselves.
            wanted: how many there is work for; machines are asked for until there is room for these.
        """
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            self._looked = time.monotonic()
            machines = self._look()
            self.names = {machine.name for machine in machines}
            before, self.slots = self.slots, min(self._plan.limit, room(machines, self._plan.shape))
            self.most_slots = max(self.most_slots, self.slots)
            if self.slots != before:
                self._say(f"slots    room for {self.slots} now, for {before} before")
            # Only when the room that there is is taken: what is asked for would take it.
            asks = self._plan.asks and started >= self.slots
            self._ask(min(wanted, self._plan.limit) - started if asks else 0)
        return self.slots

    def wait_for_room(self, least: int) -> None:
        """Wait until there is room for so many slots."""
        told, began = -_REMIND_SECONDS, time.monotonic()
        while self.room(self.slots, least) < least:  # asked as if what there is were taken
            waited = time.monotonic() - began
            if waited - told >= _REMIND_SECONDS:
                told = waited
                since = f" for {clock_text(waited)}, see ray status" if waited >= _REMIND_SECONDS else ""
                here = f"room for {self.slots} on {len(self.names)} machine(s)"
                self._say(f"slots    {here}; waiting for machines until there is room for {least}{since}")
            time.sleep(_LOOK_SECONDS / 2)

    def close(self) -> None:
        """Ask for nothing more."""
        self._ask(0)

    def _ask(self, slots: int) -> None:
        # One that has its place gives it to the slot that it was asked for.
        placed = [group for group in self._asked if self._has_a_place(group)]
        waiting = [group for group in self._asked if group not in placed]
        kept = waiting[: max(0, slots)]
        for group in [*placed, *waiting[len(kept) :]]:
            with contextlib.suppress(ray.exceptions.RayError):
                remove_placement_group(group)
        self._asked = kept
        shape = self._plan.shape
        bundle: dict[str, float] = {"CPU": shape.cpus} | ({"GPU": shape.gpus} if shape.gpus else {})
        while len(self._asked) < slots:
            self._asked.append(placement_group([bundle] * shape.workers, strategy="PACK"))

    def _has_a_place(self, group: PlacementGroup) -> bool:
        return bool(placement_group_table(group).get("state") == "CREATED")

    def __getstate__(self) -> dict[str, Any]:
        raise TypeError("of one process alone")
