"""Room for slots, as machines come and go; no Ray."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trainables.slots.settings import Shape
from tuning.cluster import fleet
from tuning.cluster.fleet import Fleet, machine_types
from tuning.cluster.resources import Machine, Plan


class Cluster:
    """Machines, and the places that were asked for."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = list(machines)
        self.asked: list[Any] = []
        self.placed: list[Any] = []
        self.seconds, self.comes = 0.0, 5.0  # now, and when a machine comes

    def ask(self, bundles: list[dict[str, float]], strategy: str) -> object:
        self.asked.append((len(self.asked), bundles, strategy))
        return self.asked[-1]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A head that trains nothing."""
    found = Cluster(Machine(0, 0))
    monkeypatch.setattr(fleet, "placement_group", found.ask)
    table = {True: {"state": "CREATED"}, False: {"state": "PENDING"}}
    monkeypatch.setattr(fleet, "placement_group_table", lambda group: table[group in found.placed])
    monkeypatch.setattr(fleet, "remove_placement_group", found.asked.remove)
    monkeypatch.setattr(fleet.time, "monotonic", lambda: found.seconds)

    def sleep(seconds: float) -> None:
        found.seconds += seconds
        if found.seconds > found.comes and len(found.machines) == 1:
            found.machines.append(Machine(4, 1))

    monkeypatch.setattr(fleet.time, "sleep", sleep)
    return found


def of(cluster: Cluster, said: list[str], **plan: Any) -> Fleet:
    """A fleet of slots of one GPU."""
    return Fleet(Plan(0, Shape(1, 0.99, 1.0), **plan), said.append, lambda: cluster.machines)


def test_machines_are_asked_for_until_there_is_room(cluster: Cluster) -> None:
    """For the work there is, up to the most; a slot that waits for its place asks itself."""
    said: list[str] = []
    found = of(cluster, said, min_slots=1, max_slots=3, autoscales=True)
    assert found.room(0, 10) == 0
    assert len(cluster.asked) == 3
    cluster.machines.append(Machine(4, 1))
    cluster.placed = cluster.asked[:1]  # what was asked for has a place now, and gives it to a slot
    cluster.seconds += 1
    assert found.room(0, 10) == 1
    assert cluster.asked == []  # nor may what is asked for take the place of a slot that is about to start
    cluster.placed, cluster.seconds = [], cluster.seconds + 1
    assert found.room(1, 10) == 1
    assert len(cluster.asked) == 2
    cluster.machines.pop()  # it went, and its slot waits for another
    cluster.seconds += 1
    assert found.room(1, 10) == 0
    assert len(cluster.asked) == 2
    cluster.seconds += 1
    found.room(1, 1)  # no more work than that
    assert cluster.asked == []
    assert said == ["slots    room for 1 now, for 0 before", "slots    room for 0 now, for 1 before"]


def test_nobody_asks_who_was_not_told_to(cluster: Cluster) -> None:
    """A machine costs money."""
    cluster.machines.append(Machine(4, 1))
    found = Fleet(Plan(1, Shape(1, 0.99, 1.0)), lambda text: None, lambda: cluster.machines)
    assert found.room(0, 10) == 1
    cluster.machines.append(Machine(4, 1))
    cluster.seconds += 1
    assert found.room(0, 10) == 1  # as planned
    assert cluster.asked == []


def test_the_least_is_waited_for(cluster: Cluster) -> None:
    """And said, every five minutes anew."""
    said: list[str] = []
    cluster.comes = 400.0
    found = of(cluster, said, min_slots=1, max_slots=3, autoscales=True)
    found.wait_for_room(1)
    assert found.slots == found.most_slots == 1
    waits = "slots    room for 0 on 1 machine(s); waiting for machines until there is room for 1"
    assert said == [waits, f"{waits} for 5:00, see ray status", "slots    room for 1 now, for 0 before"]
    found.close()
    assert cluster.asked == []


def test_what_ray_up_was_told_is_known(tmp_path: Path) -> None:
    """But not where it leaves the machines to speak for themselves, or where nobody was told."""
    file = tmp_path / "bootstrap.yaml"
    assert machine_types(file) is None
    file.write_text(
        "head_node_type: head\navailable_node_types:\n  head: {resources: {CPU: 0}}\n"
        "  gpu: {resources: {CPU: 4, GPU: 1}, max_workers: 8}\n  none: {resources: {CPU: 64}, max_workers: 0}\n"
    )
    assert machine_types(file) == [Machine(4, 1)]
    file.write_text("head_node_type: head\navailable_node_types: {head: {}, mine: {resources: {}}}\n")
    assert machine_types(file) is None
