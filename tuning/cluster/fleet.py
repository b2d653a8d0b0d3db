"""How many slots a cluster has room for, as machines come and go.

An autoscaling cluster starts machines for work that waits. What waits here are placement groups, one for each slot that
has work but no room. They end with this process, however it ends, so that no request for machines is left behind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import ray
import yaml
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table, remove_placement_group

from foundation.formatting import clock_text
from tuning.cluster.resources import Machine, Plan, room

#: Seconds between two queries of the cluster's machines.
_QUERY_SECONDS = 1.0

#: Seconds between two lines for a user who waits for machines.
_REMIND_SECONDS = 300.0

#: The file that `ray up` leaves on the head of a cluster.
_BOOTSTRAP = Path("~/ray_bootstrap_config.yaml")


def alive_machines() -> list[Machine]:
    """The machines of the cluster that are alive."""
    return [
        Machine(node["Resources"].get("CPU", 0.0), node["Resources"].get("GPU", 0.0), node["NodeManagerHostname"])
        for node in ray.nodes()
        if node["Alive"]
    ]


def machine_types(file: Path = _BOOTSTRAP) -> list[Machine] | None:
    """The machines that the cluster can start, from the configuration of `ray up`; None if it does not tell."""
    try:
        config = yaml.safe_load(file.expanduser().read_text(encoding="utf-8"))
        types = [entry for name, entry in config["available_node_types"].items() if name != config["head_node_type"]]
        resources = [entry.get("resources") or {} for entry in types if entry.get("max_workers", 1)]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None
    if not all("CPU" in entry for entry in resources):  # Ray detects them when a machine starts
        return None
    return [Machine(float(entry["CPU"]), float(entry.get("GPU", 0))) for entry in resources]


class Fleet:
    """The room for slots on a cluster. Requests more machines if the plan allows it.

    Args:
        say: shows a line to the user.
        machines: returns the machines that are alive.
    """

    def __init__(
        self, plan: Plan, say: Callable[[str], None], machines: Callable[[], list[Machine]] = alive_machines
    ) -> None:
        self._plan, self._say, self._machines = plan, say, machines
        self._requests: list[PlacementGroup] = []
        self._queried = -_QUERY_SECONDS
        #: How many slots there was room for at the last query, and at most.
        self.slots = self.most_slots = plan.slots
        #: Host names of the machines at the last query.
        self.names: set[str] = set()

    def room(self, started: int, needed: int) -> int:
        """Returns how many slots there is room for.

        Args:
            started: how many slots run, or wait for their own resources.
            needed: how many slots there is work for; machines are requested until there is room for them.
        """
        if time.monotonic() - self._queried >= _QUERY_SECONDS:
            self._queried = time.monotonic()
            machines = self._machines()
            self.names = {machine.name for machine in machines}
            before, self.slots = self.slots, min(self._plan.limit, room(machines, self._plan.shape))
            self.most_slots = max(self.most_slots, self.slots)
            if self.slots != before:
                self._say(f"slots    room for {self.slots} now, for {before} before")
            # Only when all present room is used: a request would take it.
            may_request = self._plan.autoscales and started >= self.slots
            self._request(min(needed, self._plan.limit) - started if may_request else 0)
        return self.slots

    def wait_for_room(self, slots: int) -> None:
        """Waits until there is room for `slots` slots."""
        reminded, began = -_REMIND_SECONDS, time.monotonic()
        while self.room(self.slots, slots) < slots:  # requests machines as if the present room were used
            waited = time.monotonic() - began
            if waited - reminded >= _REMIND_SECONDS:
                reminded = waited
                since = f" for {clock_text(waited)}, see ray status" if waited >= _REMIND_SECONDS else ""
                present = f"room for {self.slots} on {len(self.names)} machine(s)"
                self._say(f"slots    {present}; waiting for machines until there is room for {slots}{since}")
            time.sleep(_QUERY_SECONDS / 2)

    def close(self) -> None:
        """Withdraws all requests for machines."""
        self._request(0)

    def _request(self, slots: int) -> None:
        # A group that has its resources makes room for the slot that it was requested for.
        placed = [group for group in self._requests if _is_placed(group)]
        pending = [group for group in self._requests if group not in placed]
        kept = pending[: max(0, slots)]
        for group in [*placed, *pending[len(kept) :]]:
            with contextlib.suppress(ray.exceptions.RayError):
                remove_placement_group(group)
        self._requests = kept
        shape = self._plan.shape
        bundle: dict[str, float] = {"CPU": shape.cpus} | ({"GPU": shape.gpus} if shape.gpus else {})
        while len(self._requests) < slots:
            self._requests.append(placement_group([bundle] * shape.workers, strategy="PACK"))

    def __getstate__(self) -> dict[str, object]:
        raise TypeError("a fleet belongs to one process")


def _is_placed(group: PlacementGroup) -> bool:
    return bool(placement_group_table(group).get("state") == "CREATED")
