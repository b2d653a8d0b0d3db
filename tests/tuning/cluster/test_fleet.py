"""Room for slots, as machines come and go; without Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainables.slots.settings import Shape
from tuning.cluster import fleet
from tuning.cluster.fleet import Fleet, machine_types
from tuning.cluster.resources import Machine, Plan


class Cluster:
    """A cluster with made-up machines and placement groups."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = list(machines)
        self.requests: list[Any] = []
        self.placed: list[Any] = []
        self.seconds, self.arrival = 0.0, 5.0  # the time now, and when a machine arrives

    def request(self, bundles: list[dict[str, float]], strategy: str) -> object:
        self.requests.append((len(self.requests), bundles, strategy))
        return self.requests[-1]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster with a head that trains nothing."""
    cluster = Cluster(Machine(0, 0))
    monkeypatch.setattr(fleet, "placement_group", cluster.request)
    table = {True: {"state": "CREATED"}, False: {"state": "PENDING"}}
    monkeypatch.setattr(fleet, "placement_group_table", lambda group: table[group in cluster.placed])
    monkeypatch.setattr(fleet, "remove_placement_group", cluster.requests.remove)
    monkeypatch.setattr(fleet.time, "monotonic", lambda: cluster.seconds)

    def sleep(seconds: float) -> None:
        cluster.seconds += seconds
        if cluster.seconds > cluster.arrival and len(cluster.machines) == 1:
            cluster.machines.append(Machine(4, 1))

    monkeypatch.setattr(fleet.time, "sleep", sleep)
    return cluster


def of(cluster: Cluster, said: list[str], **plan: Any) -> Fleet:
    """A fleet of slots of one GPU."""
    return Fleet(Plan(0, Shape(1, 0.99, 1.0), **plan), said.append, lambda: cluster.machines)


def test_machines_are_requested_until_there_is_room(cluster: Cluster) -> None:
    """For the work that waits, up to `max_slots`; a slot that waits for its resources requests them itself."""
    said: list[str] = []
    slots = of(cluster, said, min_slots=1, max_slots=3, autoscales=True)
    assert slots.room(0, 10) == 0
    assert len(cluster.requests) == 3
    cluster.machines.append(Machine(4, 1))
    cluster.placed = cluster.requests[:1]  # a request has its resources, and makes room for a slot
    cluster.seconds += 1
    assert slots.room(0, 10) == 1
    assert cluster.requests == []  # no request takes the room of a slot that is about to start
    cluster.placed, cluster.seconds = [], cluster.seconds + 1
    assert slots.room(1, 10) == 1
    assert len(cluster.requests) == 2
    cluster.machines.pop()  # a machine is lost, and its slot waits for another
    cluster.seconds += 1
    assert slots.room(1, 10) == 0
    assert len(cluster.requests) == 2
    cluster.seconds += 1
    slots.room(1, 1)  # there is no more work
    assert cluster.requests == []
    assert said == ["slots    room for 1 now, for 0 before", "slots    room for 0 now, for 1 before"]


def test_without_autoscaling_nothing_is_requested(cluster: Cluster) -> None:
    """A machine costs money."""
    cluster.machines.append(Machine(4, 1))
    slots = Fleet(Plan(1, Shape(1, 0.99, 1.0)), lambda text: None, lambda: cluster.machines)
    assert slots.room(0, 10) == 1
    cluster.machines.append(Machine(4, 1))
    cluster.seconds += 1
    assert slots.room(0, 10) == 1  # as planned
    assert cluster.requests == []


def test_the_search_waits_for_min_slots(cluster: Cluster) -> None:
    """And tells the user every five minutes."""
    said: list[str] = []
    cluster.arrival = 400.0
    slots = of(cluster, said, min_slots=1, max_slots=3, autoscales=True)
    slots.wait_for_room(1)
    assert slots.slots == slots.most_slots == 1
    waits = "slots    room for 0 on 1 machine(s); waiting for machines until there is room for 1"
    assert said == [waits, f"{waits} for 5:00, see ray status", "slots    room for 1 now, for 0 before"]
    slots.close()
    assert cluster.requests == []


def test_machine_types_are_read_from_the_file_of_ray_up(tmp_path: Path) -> None:
    """They are unknown without the file, or if Ray detects the resources of a machine."""
    file = tmp_path / "bootstrap.yaml"
    assert machine_types(file) is None
    file.write_text(
        "head_node_type: head\navailable_node_types:\n  head: {resources: {CPU: 0}}\n"
        "  gpu: {resources: {CPU: 4, GPU: 1}, max_workers: 8}\n  none: {resources: {CPU: 64}, max_workers: 0}\n"
    )
    assert machine_types(file) == [Machine(4, 1)]
    file.write_text("head_node_type: head\navailable_node_types: {head: {}, mine: {resources: {}}}\n")
    assert machine_types(file) is None
