"""Placement groups of dead creators, with made-up tables of Ray; no Ray is running."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray._private import state
from ray.core.generated.gcs_pb2 import PlacementGroupTableData

from trainables.slots import slot

MINE, ANOTHER, OVER = "01000000", "02000000", "03000000"
ALIVE, DEAD = "a1" * 16, "de" * 16


def group(number: int, job: str, creator: str | None, **more: Any) -> bytes:
    """A row of Ray's table."""
    return PlacementGroupTableData(
        placement_group_id=bytes([number]) * 18,
        creator_job_id=bytes.fromhex(job),
        creator_actor_id=bytes.fromhex(creator) if creator else b"\xff" * 16,
        state=PlacementGroupTableData.CREATED,
        **more,
    ).SerializeToString()


def test_placement_groups_of_dead_creators_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this job and of jobs that are over; not those of live creators, of other jobs, or detached ones."""
    table = [
        group(1, MINE, DEAD),
        group(2, MINE, ALIVE),
        group(3, MINE, None),  # the driver's
        group(4, ANOTHER, DEAD),  # that job removes it
        group(5, OVER, DEAD),
        group(6, OVER, DEAD, is_detached=True),
    ]
    removed: list[int] = []
    tables = SimpleNamespace(
        _connect_and_get_accessor=lambda: SimpleNamespace(get_placement_group_table=lambda: table),
        actor_table=lambda actor: {"State": "ALIVE"} if actor == ALIVE else {"State": "DEAD"},
    )
    monkeypatch.setattr(state, "state", tables)
    jobs = [{"JobID": MINE, "IsDead": False}, {"JobID": ANOTHER, "IsDead": False}, {"JobID": OVER, "IsDead": True}]
    monkeypatch.setattr(state, "jobs", lambda: jobs)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_job_id=lambda: MINE))
    module = importlib.import_module("ray.util.placement_group")  # `ray.util` has a function of that name
    monkeypatch.setattr(module, "remove_placement_group", lambda group: removed.append(group.id.binary()[0]))
    slot.remove_orphaned_placement_groups()
    assert removed == [1, 5]
