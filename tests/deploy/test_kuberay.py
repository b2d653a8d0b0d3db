"""The RayJob: fields that KubeRay has, groups as Ray's autoscaler reads them, the versions that are pinned."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from tests.deploy.autoscaling import node_types, started
from tests.deploy.kuberay_fields import RAY_JOB
from tests.deploy.reading import DOCKERFILE, KUBERAY, config_of, text_of

SPOT, ON_DEMAND = "gpu-spot", "gpu-on-demand"


def cluster() -> dict[str, Any]:
    """The embedded RayCluster's spec."""
    spec: dict[str, Any] = config_of(KUBERAY)["spec"]["rayClusterSpec"]
    return spec


def as_ray_reads_it() -> dict[str, Any]:
    """What Ray's autoscaler makes of the cluster when it finds it in Kubernetes."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    found = {"metadata": {"name": "kotune", "namespace": "default"}, "spec": cluster()}
    config: dict[str, Any] = _derive_autoscaling_config_from_ray_cr(found)
    return config


def test_kuberay_knows_every_field() -> None:
    """Kubernetes would drop one that it does not know, or refuse the manifest."""
    jsonschema.validate(config_of(KUBERAY), RAY_JOB)


def head_of(spec: dict[str, Any]) -> dict[str, Any]:
    """The head's container."""
    container: dict[str, Any] = spec["headGroupSpec"]["template"]["spec"]["containers"][0]
    return container


BROKEN = {
    "a field misspelt": lambda spec: spec.update(enableInTreeAutoScaling=True),
    "a field in the wrong place": lambda spec: spec.update(shutdownAfterJobFinishes=True),
    "a mode there is none of": lambda spec: spec.update(authOptions={"mode": "on"}),
    "a number for a text": lambda spec: spec["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
    "a text for a number": lambda spec: spec["workerGroupSpecs"][0].update(maxReplicas="8"),
    "a variable that is a number": lambda spec: spec["autoscalerOptions"]["env"][0].update(value=900),
    "no image": lambda spec: head_of(spec).pop("image"),
    "no quantity": lambda spec: head_of(spec)["resources"]["limits"].update(memory="16 GB"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_mistake_in_the_manifest_is_found(kind: str) -> None:
    """Or the test above would mean nothing."""
    raw = config_of(KUBERAY)
    BROKEN[kind](raw["spec"]["rayClusterSpec"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, RAY_JOB)


def test_groups_are_what_ray_reads() -> None:
    """No CPU on the head; a GPU in every worker; from none to eight; spot first."""
    config = as_ray_reads_it()
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"]["CPU"] == 0
    for kind in (SPOT, ON_DEMAND):
        assert (types[kind]["min_workers"], types[kind]["max_workers"]) == (0, 8)
        assert (types[kind]["resources"]["CPU"], types[kind]["resources"]["GPU"]) == (4, 1)
    assert types[SPOT]["resources"] == types[ON_DEMAND]["resources"]
    assert types[SPOT]["priority"] > types[ON_DEMAND]["priority"]
    assert config["idle_timeout_minutes"] == 5
    assert cluster()["enableInTreeAutoscaling"] is True


def test_every_worker_begins_at_none() -> None:
    """`replicas` is what KubeRay starts with, before anybody asks."""
    assert {group["replicas"] for group in cluster()["workerGroupSpecs"]} == {0}


def test_a_spot_pod_that_finds_no_node_makes_room_for_the_other_group() -> None:
    """What the comment says Ray does."""
    from ray.core.generated.instance_manager_pb2 import Instance

    types = node_types(as_ray_reads_it())
    head = as_ray_reads_it()["head_node_type"]
    assert started(types, {head: 1}, slots=2) == {SPOT: 2}
    late = [(SPOT, Instance.ALLOCATION_TIMEOUT)]
    assert started(types, {head: 1}, slots=2, events=late) == {ON_DEMAND: 2}


def test_ray_takes_the_time_that_the_manifest_gives() -> None:
    """A variable that Ray did not know would leave it at an hour."""
    env = {variable["name"]: variable["value"] for variable in cluster()["autoscalerOptions"]["env"]}
    code = (
        "from ray.autoscaler.v2.instance_manager.config import InstanceReconcileConfig\n"
        "print(InstanceReconcileConfig().allocate_status_timeout_s)"
    )
    answers = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables).stdout
        for variables in ({**os.environ, **env}, dict(os.environ))
    ]
    assert answers == ["900\n", "3600\n"]


def test_start_parameters_are_options_of_ray_start() -> None:
    """KubeRay puts two hyphens before them and hands them on."""
    from ray.scripts.scripts import cli

    options = {option for parameter in cli.commands["start"].params for option in parameter.opts}
    groups = [cluster()["headGroupSpec"], *cluster()["workerGroupSpecs"]]
    assert {f"--{name}" for group in groups for name in group["rayStartParams"]} <= options


def test_versions_are_the_pinned_ones() -> None:
    """Ray in the manifest, in the image, and in constraints.txt; the image's tag is kotune's version."""
    pinned = re.search(r"^ray==(.*)$", text_of("constraints.txt"), re.MULTILINE)
    version = re.search(r'^version = "(.*)"$', text_of("pyproject.toml"), re.MULTILINE)
    assert pinned is not None
    assert version is not None
    assert cluster()["rayVersion"] == pinned[1]
    tags = re.findall(r"/kotune:([\w.]+)", text_of(KUBERAY) + text_of(DOCKERFILE))
    assert len(tags) >= 4
    assert set(tags) == {version[1]}


def test_the_shared_folder_is_where_the_search_writes() -> None:
    """In all pods, at the path that the command names."""
    storage = re.search(r"--storage (\S+)", config_of(KUBERAY)["spec"]["entrypoint"])
    assert storage is not None
    for group in (cluster()["headGroupSpec"], *cluster()["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        claims = {volume["name"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
        mounted = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] in claims]
        assert any(storage[1].startswith(f"{path}/") for path in mounted)


def test_a_finished_search_leaves_nothing_running() -> None:
    """And a failed one is not begun again as if nothing had been there."""
    spec = config_of(KUBERAY)["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] <= 600
    assert spec["backoffLimit"] == 0
