"""Asks Ray's autoscaler which machines it would start, without a cloud, a cluster or a running Ray."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

#: Resources of a slot with one worker.
SLOT = {"CPU": 1.0, "GPU": 1.0}


def node_types(config: Mapping[str, Any], missing: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Returns the node types of a prepared configuration as the autoscaler represents them.

    Args:
        missing: resources of node types without any in the file; Ray would look them up.
    """
    from ray.autoscaler.v2.instance_manager.config import NodeTypeConfig

    head = config["head_node_type"]
    return {
        name: NodeTypeConfig(
            name,
            node["min_workers"],
            node["max_workers"] + (name == head),
            priority=node.get("priority", 0),
            resources={key: float(value) for key, value in (node["resources"] or missing or {}).items()},
        )
        for name, node in config["available_node_types"].items()
    }


def launches(
    types: Mapping[str, Any], running: Mapping[str, int], slots: int = 0, events: Iterable[tuple[str, int]] = ()
) -> dict[str, int]:
    """Returns what the v2 autoscaler would start now; see `schedule`."""
    return schedule(types, running, slots, events)[0]


def schedule(
    types: Mapping[str, Any], running: Mapping[str, int], slots: int = 0, events: Iterable[tuple[str, int]] = ()
) -> tuple[dict[str, int], dict[str, int]]:
    """Returns what the v2 autoscaler would start and terminate now, as numbers by node type.

    Args:
        running: busy machines by node type, including the head.
        slots: number of pending slots.
        events: node types and the outcome of an earlier attempt to start one.
    """
    from ray.autoscaler.v2.instance_manager.subscribers.cloud_resource_monitor import CloudResourceMonitor
    from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
    from ray.autoscaler.v2.utils import ResourceRequestUtil
    from ray.core.generated.instance_manager_pb2 import InstanceUpdateEvent

    monitor = CloudResourceMonitor()
    monitor.notify([InstanceUpdateEvent(instance_type=kind, new_instance_status=what) for kind, what in events])
    request = SchedulingRequest(
        disable_launch_config_check=True,
        node_type_configs=dict(types),
        max_num_nodes=sum(kind.max_worker_nodes for kind in types.values()),
        resource_requests=ResourceRequestUtil.group_by_count([ResourceRequestUtil.make(SLOT)] * slots),
        current_instances=[_running(kind, number) for kind, count in running.items() for number in range(count)],
        cloud_resource_availabilities=monitor.get_resource_availabilities(),
        recoverable_resource_availabilities=monitor.get_recoverable_resource_availabilities(),
    )
    reply = ResourceDemandScheduler(None).schedule(request)
    launched = {launch.instance_type: launch.count for launch in reply.to_launch}
    return launched, dict(Counter(ended.instance_type for ended in reply.to_terminate))


def _running(kind: str, number: int) -> Any:
    from ray.autoscaler.v2.schema import AutoscalerInstance
    from ray.core.generated.autoscaler_pb2 import NodeState, NodeStatus
    from ray.core.generated.instance_manager_pb2 import Instance

    name = f"{kind}-{number}"
    return AutoscalerInstance(
        cloud_instance_id=name,
        ray_node=NodeState(node_id=name.encode(), ray_node_type_name=kind, status=NodeStatus.RUNNING),
        im_instance=Instance(instance_id=name, instance_type=kind, status=Instance.RAY_RUNNING, node_id=name),
    )
