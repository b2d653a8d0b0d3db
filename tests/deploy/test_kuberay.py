"""The RayJob: its fields exist in KubeRay, Ray's autoscaler reads its groups, and its versions are the pinned ones."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from tests.deploy.autoscaling import launches, node_types
from tests.deploy.kuberay_fields import RAY_JOB
from tests.deploy.reading import DOCKERFILE, KUBERAY, config_of, text_of

SPOT, ON_DEMAND = "gpu-spot", "gpu-on-demand"


def cluster() -> dict[str, Any]:
    """Returns the spec of the embedded RayCluster."""
    spec: dict[str, Any] = config_of(KUBERAY)["spec"]["rayClusterSpec"]
    return spec


def autoscaling_config() -> dict[str, Any]:
    """Returns the configuration that Ray's autoscaler derives from the cluster."""
    from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

    resource = {"metadata": {"name": "kotune", "namespace": "default"}, "spec": cluster()}
    config: dict[str, Any] = _derive_autoscaling_config_from_ray_cr(resource)
    return config


def test_every_field_exists_in_kuberay() -> None:
    """Kubernetes drops unknown fields or refuses the manifest."""
    jsonschema.validate(config_of(KUBERAY), RAY_JOB)


def head_of(spec: dict[str, Any]) -> dict[str, Any]:
    """Returns the container of the head."""
    container: dict[str, Any] = spec["headGroupSpec"]["template"]["spec"]["containers"][0]
    return container


BROKEN = {
    "a field misspelt": lambda spec: spec.update(enableInTreeAutoScaling=True),
    "a field in the wrong place": lambda spec: spec.update(shutdownAfterJobFinishes=True),
    "an unknown mode": lambda spec: spec.update(authOptions={"mode": "on"}),
    "a number instead of a string": lambda spec: spec["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0}),
    "a string instead of a number": lambda spec: spec["workerGroupSpecs"][0].update(maxReplicas="8"),
    "a number as a variable": lambda spec: spec["autoscalerOptions"]["env"][0].update(value=900),
    "no image": lambda spec: head_of(spec).pop("image"),
    "an invalid quantity": lambda spec: head_of(spec)["resources"]["limits"].update(memory="16 GB"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_manifest_is_rejected(kind: str) -> None:
    """Shows that the schema can fail."""
    raw = config_of(KUBERAY)
    BROKEN[kind](raw["spec"]["rayClusterSpec"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(raw, RAY_JOB)


def test_groups_as_ray_reads_them() -> None:
    """No CPU on the head, a GPU in every worker, zero to eight workers, spot first."""
    config = autoscaling_config()
    types = config["available_node_types"]
    assert types[config["head_node_type"]]["resources"]["CPU"] == 0
    for kind in (SPOT, ON_DEMAND):
        assert (types[kind]["min_workers"], types[kind]["max_workers"]) == (0, 8)
        assert (types[kind]["resources"]["CPU"], types[kind]["resources"]["GPU"]) == (4, 1)
    assert types[SPOT]["resources"] == types[ON_DEMAND]["resources"]
    assert types[SPOT]["priority"] > types[ON_DEMAND]["priority"]
    assert config["idle_timeout_minutes"] == 5
    assert cluster()["enableInTreeAutoscaling"] is True


def test_groups_start_without_workers() -> None:
    """KubeRay starts with `replicas` workers."""
    assert {group["replicas"] for group in cluster()["workerGroupSpecs"]} == {0}


def test_a_spot_pod_without_a_node_is_replaced_by_on_demand() -> None:
    """As the comment in the manifest says."""
    from ray.core.generated.instance_manager_pb2 import Instance

    types = node_types(autoscaling_config())
    head = autoscaling_config()["head_node_type"]
    assert launches(types, {head: 1}, slots=2) == {SPOT: 2}
    late = [(SPOT, Instance.ALLOCATION_TIMEOUT)]
    assert launches(types, {head: 1}, slots=2, events=late) == {ON_DEMAND: 2}


def test_ray_reads_the_timeout_of_the_manifest() -> None:
    """With an unknown variable it would be Ray's default, an hour."""
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
    """KubeRay passes them with two hyphens."""
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


def test_the_storage_is_on_the_shared_folder() -> None:
    """It is mounted in all pods, at the path of the command."""
    storage = re.search(r"--storage (\S+)", config_of(KUBERAY)["spec"]["entrypoint"])
    assert storage is not None
    for group in (cluster()["headGroupSpec"], *cluster()["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        claims = {volume["name"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume}
        mounted = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"] if mount["name"] in claims]
        assert any(storage[1].startswith(f"{path}/") for path in mounted)


def test_a_finished_search_deletes_its_cluster() -> None:
    """And a failed one is not retried."""
    spec = config_of(KUBERAY)["spec"]
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] <= 600
    assert spec["backoffLimit"] == 0
