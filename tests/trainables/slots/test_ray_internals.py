"""The private points of Ray that kotune uses, each by its name: an upgrade that removes one fails here."""

from __future__ import annotations

import inspect

import pytest
import ray
from ray._private import state
from ray._private.utils import get_num_cpus
from ray.core.generated.gcs_pb2 import PlacementGroupTableData
from ray.util.placement_group import PlacementGroup

from trainables.slots import ray_internals


def test_ray_private_state_connect_and_get_accessor() -> None:
    """The global state can be asked for the accessor of the control store."""
    assert callable(state.state._connect_and_get_accessor)


def test_ray_private_state_actor_table() -> None:
    """Actors are looked up by their id."""
    assert next(iter(inspect.signature(state.state.actor_table).parameters)) == "actor_id"


def test_ray_private_state_jobs() -> None:
    """Jobs are listed without arguments."""
    assert not inspect.signature(state.jobs).parameters


def test_placement_group_table_data_fields() -> None:
    """A row names the group, its creators, its state, and whether it is detached."""
    fields = {"placement_group_id", "creator_job_id", "creator_actor_id", "state", "is_detached"}
    assert fields <= {field.name for field in PlacementGroupTableData.DESCRIPTOR.fields}
    assert PlacementGroupTableData.REMOVED != PlacementGroupTableData.CREATED


def test_placement_group_from_its_id() -> None:
    """A group can be made of an id alone."""
    group_id = ray.PlacementGroupID(b"\x01" * 18)
    assert PlacementGroup(group_id).id == group_id


def test_ray_private_worker_print_to_stdstream(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ray's worker module defines it with these arguments, and calls it by its global name."""
    worker = ray._private.worker
    assert list(inspect.signature(worker.print_to_stdstream).parameters) == ["data", "ignore_prefix"]
    assert inspect.getsource(worker).count("print_to_stdstream") > 1
    monkeypatch.setattr(worker, "print_to_stdstream", worker.print_to_stdstream)  # put back after the test
    ray_internals.silence_worker_logs()
    worker.print_to_stdstream({"pid": 1}, ignore_prefix=True)
    assert capfd.readouterr() == ("", "")


def test_ray_private_utils_get_num_cpus() -> None:
    """It counts what `ray.init` would."""
    assert ray_internals.count_cpus() == get_num_cpus() >= 1


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_placement_groups_of_a_running_ray() -> None:
    """A group that the driver made has no creating actor; an unknown actor counts as dead."""
    group = ray.util.placement_group([{"CPU": 0.01}])
    entries = {entry.group_id: entry for entry in ray_internals.placement_groups()}
    entry = entries[group.id.binary()]
    assert (entry.creator_actor_id, entry.creator_job_id) == (None, ray.get_runtime_context().get_job_id())
    assert not entry.removed
    ray_internals.remove_placement_group(entry.group_id)
    assert ray_internals.is_actor_dead("de" * 16)
    assert ray.get_runtime_context().get_job_id() not in ray_internals.ended_jobs()


def test_ray_private_node_dead_processes() -> None:
    """A node lists the processes of its Ray that have ended."""
    assert callable(ray._private.node.Node.dead_processes)
    assert ray_internals.ended_processes() == []
