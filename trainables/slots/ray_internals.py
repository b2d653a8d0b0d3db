"""The private points of Ray that kotune uses, and nothing else. An upgrade of Ray may move any of them.

Each function names what it depends on; `tests/trainables/slots/test_ray_internals.py` has a test for each, which fails
when the point is gone. The private points of Ray Train, which import torch, are in `trainables.slots.trainer`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import ray


@dataclass(frozen=True)
class PlacementGroupEntry:
    """A row of Ray's table of placement groups."""

    group_id: bytes
    creator_job_id: str  # hex
    creator_actor_id: str | None  # hex; None if the driver made the group
    removed: bool
    detached: bool  # outlives its creator


def placement_groups() -> Iterator[PlacementGroupEntry]:
    """Every placement group of the cluster, with its creator, which Ray's public table leaves out.

    Uses `ray._private.state.state._connect_and_get_accessor().get_placement_group_table()`.
    """
    from ray._private import state
    from ray.core.generated.gcs_pb2 import PlacementGroupTableData

    for row in state.state._connect_and_get_accessor().get_placement_group_table():
        group = PlacementGroupTableData.FromString(row)
        creator = ray.ActorID(group.creator_actor_id)
        yield PlacementGroupEntry(
            group.placement_group_id,
            group.creator_job_id.hex(),
            None if creator.is_nil() else creator.hex(),
            group.state == PlacementGroupTableData.REMOVED,
            group.is_detached,
        )


def is_actor_dead(actor_id: str) -> bool:
    """Whether an actor is dead, or unknown to the cluster. Uses `ray._private.state.state.actor_table`."""
    from ray._private import state

    return bool(state.state.actor_table(actor_id).get("State", "DEAD") == "DEAD")


def ended_jobs() -> set[str]:
    """Ids of jobs that are over. Uses `ray._private.state.jobs`."""
    from ray._private import state

    return {job["JobID"] for job in state.jobs() if job["IsDead"]}


def remove_placement_group(group_id: bytes) -> None:
    """Removes a placement group by its id. Uses the constructor of `PlacementGroup`, which Ray does not document."""
    from ray.util.placement_group import PlacementGroup, remove_placement_group

    remove_placement_group(PlacementGroup(ray.PlacementGroupID(group_id)))


def silence_worker_logs() -> None:
    """Keeps Ray from printing pages about every lost process to standard output, into tables and JSON.

    It prints them with `log_to_driver=False`, too. Replaces `ray._private.worker.print_to_stdstream`.
    """
    ray._private.worker.print_to_stdstream = lambda data, ignore_prefix: None


def count_cpus() -> int:
    """The number of CPUs that `ray.init` would count on this machine. Uses `ray._private.utils.get_num_cpus`."""
    from ray._private.utils import get_num_cpus

    return int(get_num_cpus())


def ended_processes() -> list[str]:
    """The names of the processes of the Ray started here that have ended by themselves, such as raylet.

    Uses `ray._private.worker._global_node.dead_processes`.
    """
    node = ray._private.worker._global_node
    return [] if node is None else [str(name) for name, _ in node.dead_processes()]
