"""The files for `ray up`: Ray accepts them, they are complete, and their comments about Ray are true."""

from __future__ import annotations

import copy
import re
import tomllib
from typing import Any

import click
import jsonschema
import pytest

from tests.deploy.autoscaling import SLOT, launches, node_types, schedule
from tests.deploy.reading import CLOUDS, RAY_UP, ROOT, config_of, text_of

TOKEN = "~/.ray/auth_token"
SPOT, ON_DEMAND = "gpu_spot", "gpu_on_demand"
#: Resources of the instance type in cluster.yaml according to EC2.
G6 = {"CPU": 4, "GPU": 1}


def prepared(raw: dict[str, Any]) -> dict[str, Any]:
    """Returns the configuration of `ray up` before it talks to a cloud, checked as the head reads it.

    Raises:
        the exceptions of Ray for an invalid file.
    """
    from ray.autoscaler._private.providers import _NODE_PROVIDERS
    from ray.autoscaler._private.util import check_legacy_fields, prepare_config, validate_config
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

    assert _NODE_PROVIDERS[raw["provider"]["type"]] is not None
    config: dict[str, Any] = prepare_config(copy.deepcopy(raw))
    validate_config(config)
    check_legacy_fields(config)
    AutoscalingConfig(copy.deepcopy(config), skip_content_hash=True)
    return config


@pytest.mark.parametrize("name", RAY_UP)
def test_ray_up_accepts_it(name: str) -> None:
    """All its checks before it talks to a cloud."""
    config = prepared(config_of(name))
    assert config["cluster_name"] == "kotune"
    assert not config["docker"]


BROKEN = {
    "an unknown key": lambda raw: raw.update(max_worker=8),
    "an unknown key in a node type": lambda raw: raw["available_node_types"][SPOT].update(spot=True),
    "a string instead of a number": lambda raw: raw.update(idle_timeout_minutes="soon"),
    "no resources": lambda raw: raw["available_node_types"][SPOT].pop("resources"),
    "an unknown head type": lambda raw: raw.update(head_node_type="boss"),
    "a minimum above the maximum": lambda raw: raw["available_node_types"][SPOT].update(min_workers=9),
    "a fractional CPU": lambda raw: raw["available_node_types"]["head"]["resources"].update(CPU=0.5),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_ray_up_rejects_broken_files(kind: str) -> None:
    """Shows that the test above can fail."""
    raw = config_of("cluster.yaml")
    BROKEN[kind](raw)
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        prepared(raw)


def test_local_clusters_have_no_node_types() -> None:
    """Ray rejects them."""
    with pytest.raises(click.ClickException):
        prepared({**config_of("deploy/local.yaml"), "available_node_types": {"gpu": {}}})


@pytest.mark.parametrize("name", RAY_UP)
def test_only_pinned_versions_are_installed(name: str) -> None:
    """With `make venv`; Ray adds its own `pip install` if a file omits a list of commands."""
    config = prepared(config_of(name))
    runs = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    assert any(re.search(r"make -C ~/kotune venv EXTRAS=cluster", run) for run in runs)
    assert not [run for run in runs if re.search(r"\b(pip|conda|uv)3? ", run)]


@pytest.mark.parametrize("name", CLOUDS)
def test_ray_installs_packages_if_a_list_is_missing(name: str) -> None:
    """Shows that the test above can fail."""
    raw = config_of(name)
    del raw["head_setup_commands"]
    assert any("pip install" in run for run in prepared(raw)["head_setup_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_the_head_has_no_cpu_for_trials(name: str) -> None:
    """For the autoscaler and for Ray, independent of the machine."""
    config = prepared(config_of(name))
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert (head["min_workers"], head["max_workers"]) == (0, 0)
    assert any("ray start --head" in run and "--num-cpus=0 " in run for run in config["head_start_ray_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_spot_and_on_demand_workers_differ_only_in_price(name: str) -> None:
    """Zero to `max_workers` of the same machine, spot first; idle machines are terminated, not stopped."""
    config = prepared(config_of(name))
    spot, on_demand = (config["available_node_types"][kind] for kind in (SPOT, ON_DEMAND))
    for node in (spot, on_demand):
        assert (node["min_workers"], node["max_workers"]) == (0, config["max_workers"])
    assert spot["priority"] > on_demand["priority"]
    assert spot["resources"] == on_demand["resources"]
    paid = ("InstanceMarketOptions", "scheduling")  # keys that make a machine a spot machine
    same = [{key: value for key, value in node["node_config"].items() if key not in paid} for node in (spot, on_demand)]
    assert same[0] == same[1]
    assert "spot" in str({key: spot["node_config"].get(key) for key in paid}).lower()
    assert "spot" not in str(on_demand["node_config"]).lower()
    assert config["provider"]["cache_stopped_nodes"] is False
    assert config["idle_timeout_minutes"] == 5


@pytest.mark.parametrize("name", CLOUDS)
def test_spot_first_then_on_demand(name: str) -> None:
    """As the comment says: priority decides, and on-demand machines follow after the last spot machine."""
    types = node_types(prepared(config_of(name)), missing=G6)
    limit = types[SPOT].max_worker_nodes
    assert launches(types, {"head": 1}, slots=3) == {SPOT: 3}
    assert launches(types, {"head": 1, SPOT: limit}, slots=2) == {ON_DEMAND: 2}
    assert launches(types, {"head": 1, SPOT: limit - 1}, slots=3) == {SPOT: 1, ON_DEMAND: 2}


@pytest.mark.parametrize("name", CLOUDS)
def test_a_refused_spot_request_is_repeated(name: str) -> None:
    """The comment says that Ray does not switch to on-demand. If this fails, it does: update the comments."""
    from ray.core.generated.instance_manager_pb2 import Instance

    types = node_types(prepared(config_of(name)), missing=G6)
    refused = [(SPOT, Instance.ALLOCATION_FAILED)]
    assert launches(types, {"head": 1}, slots=1, events=refused) == {SPOT: 1}
    late = [(SPOT, Instance.ALLOCATION_TIMEOUT)]
    assert launches(types, {"head": 1}, slots=1, events=late) == {ON_DEMAND: 1}


@pytest.mark.parametrize("running", [0, 2])
def test_lowering_max_workers_switches_to_on_demand(running: int) -> None:
    """As the comment says: with `max_workers` at the running spot machines, these stay and on-demand machines start."""
    raw = config_of("cluster.yaml")
    raw["available_node_types"][SPOT]["max_workers"] = running
    types = node_types(prepared(raw), missing=G6)
    assert schedule(types, {"head": 1, SPOT: running}, slots=3) == ({ON_DEMAND: 3}, {})


def test_max_workers_below_the_running_machines_terminates_some() -> None:
    """Therefore the comment says to set it to the running number."""
    raw = config_of("cluster.yaml")
    raw["available_node_types"][SPOT]["max_workers"] = 0
    assert schedule(node_types(prepared(raw), missing=G6), {"head": 1, SPOT: 2})[1] == {SPOT: 2}


def test_autoscaler_v2_misses_a_local_machine() -> None:
    """It counts the head as a worker, so deploy/local.yaml disables it. If this fails, it need not."""
    config = prepared(config_of("deploy/local.yaml"))
    (kind,) = config["available_node_types"]
    hosts = len(config["provider"]["worker_ips"])
    assert launches(node_types(config), {kind: 1}) == {kind: hosts - 1}
    assert any("RAY_enable_autoscaler_v2=0 " in run for run in config["head_start_ray_commands"])


def test_autoscaler_v1_starts_all_local_machines() -> None:
    """The version that deploy/local.yaml selects."""
    from ray.autoscaler._private.resource_demand_scheduler import _add_min_workers_nodes

    config = prepared(config_of("deploy/local.yaml"))
    (kind,) = config["available_node_types"]
    hosts = len(config["provider"]["worker_ips"])
    *_, added = _add_min_workers_nodes([{}], {kind: 1}, config["available_node_types"], hosts, kind, [], None)
    assert added == {kind: hosts}


def test_a_slot_fits_on_a_machine() -> None:
    """For node types with resources in the file; otherwise no machine would ever start."""
    resources = config_of("deploy/gcp.yaml")["available_node_types"][SPOT]["resources"]
    assert all(resources[name] >= amount for name, amount in SLOT.items())


def missing_parts(mounts: dict[str, str]) -> set[str]:
    """Returns the parts of an installation that are not copied to ~/kotune."""
    project = tomllib.loads(text_of("pyproject.toml"))
    setuptools = project["tool"]["setuptools"]
    needed = {
        *(name.split(".")[0] for name in setuptools["packages"]),
        *(f"{module}.py" for module in setuptools["py-modules"]),
    }
    needed |= {"Makefile", "pyproject.toml", "constraints.txt", project["project"]["readme"]}
    return {part for part in needed if mounts.get(f"~/kotune/{part}") != part}


@pytest.mark.parametrize("name", RAY_UP)
def test_exactly_the_parts_of_an_installation_are_copied(name: str) -> None:
    """And the token; no data, studies or environment. All of them exist."""
    mounts = config_of(name)["file_mounts"]
    assert not missing_parts(mounts)
    assert len(mounts) == len(missing_parts({})) + 1
    assert mounts[TOKEN] == TOKEN
    assert all((ROOT / part).exists() for where, part in mounts.items() if where != TOKEN)


def test_a_missing_part_is_detected() -> None:
    """Shows that the test above can fail."""
    mounts = config_of("cluster.yaml")["file_mounts"]
    del mounts["~/kotune/trainables"]
    assert missing_parts(mounts) == {"trainables"}


def test_the_image_has_the_same_parts() -> None:
    """The Dockerfile lists them as well."""
    copied = {
        f"~/kotune/{part}": part
        for line in re.findall(r"^COPY (.*) \S+$", text_of("deploy/Dockerfile"), re.MULTILINE)
        for part in line.split()
    }
    assert not missing_parts(copied)
    assert len(copied) == len(missing_parts({}))


@pytest.mark.parametrize("name", RAY_UP)
def test_files_ignored_by_git_are_not_copied(name: str) -> None:
    """Studies, environments and caches from .gitignore, and also history and data."""
    excluded = {str(pattern).strip("/") for pattern in config_of(name)["rsync_exclude"]}
    ignored = {line.strip("/") for line in text_of(".gitignore").splitlines() if line and not line.startswith("#")}
    assert excluded >= ignored | {".git", "data"}
    assert not any("token" in pattern for pattern in excluded)


def test_ray_hashes_excluded_files(tmp_path: Any) -> None:
    """Therefore the files mount single parts. If this fails, they can mount the folder."""
    from ray.autoscaler._private import util

    (tmp_path / ".venv").mkdir()
    raw = [{"rsync_exclude": [".venv"]}]
    sums = []
    for content in ("one", "two"):
        (tmp_path / ".venv" / "file").write_text(content)
        util._hash_cache.clear()
        sums.append(util.hash_runtime_conf({"~/kotune": str(tmp_path)}, None, raw)[0])
    assert sums[0] != sums[1]
