"""The files of `ray up`: accepted by Ray's own reader, complete, and what their comments say of Ray is so."""

from __future__ import annotations

import copy
import re
import tomllib
from typing import Any

import click
import jsonschema
import pytest

from tests.deploy.autoscaling import SLOT, decided, node_types, started
from tests.deploy.reading import CLOUDS, RAY_UP, ROOT, config_of, text_of

TOKEN = "~/.ray/auth_token"
SPOT, ON_DEMAND = "gpu_spot", "gpu_on_demand"
#: What EC2 says of the machine in cluster.yaml, where the file leaves it to Ray.
G6 = {"CPU": 4, "GPU": 1}


def prepared(raw: dict[str, Any]) -> dict[str, Any]:
    """What `ray up` makes of a file before it talks to a cloud, and what the head reads afterwards.

    Raises:
        what Ray raises at a file that it does not accept.
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
    """All that it does before it talks to a cloud."""
    config = prepared(config_of(name))
    assert config["cluster_name"] == "kotune"
    assert not config["docker"]


BROKEN = {
    "a key too much": lambda raw: raw.update(max_worker=8),
    "a key too much in a node type": lambda raw: raw["available_node_types"][SPOT].update(spot=True),
    "a text for a number": lambda raw: raw.update(idle_timeout_minutes="soon"),
    "resources forgotten": lambda raw: raw["available_node_types"][SPOT].pop("resources"),
    "a head there is none of": lambda raw: raw.update(head_node_type="boss"),
    "more wanted than allowed": lambda raw: raw["available_node_types"][SPOT].update(min_workers=9),
    "half a CPU": lambda raw: raw["available_node_types"]["head"]["resources"].update(CPU=0.5),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_ray_up_refuses_what_is_broken(kind: str) -> None:
    """Or the test above would mean nothing."""
    raw = config_of("cluster.yaml")
    BROKEN[kind](raw)
    with pytest.raises((jsonschema.ValidationError, ValueError)):
        prepared(raw)


def test_machines_of_ones_own_have_no_node_types() -> None:
    """Ray says so."""
    with pytest.raises(click.ClickException):
        prepared({**config_of("deploy/local.yaml"), "available_node_types": {"gpu": {}}})


@pytest.mark.parametrize("name", RAY_UP)
def test_only_pinned_versions_are_installed(name: str) -> None:
    """By `make venv`; Ray adds a `pip install` of its own where a file leaves a list out."""
    config = prepared(config_of(name))
    runs = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    assert any(re.search(r"make -C ~/kotune venv EXTRAS=cluster", run) for run in runs)
    assert not [run for run in runs if re.search(r"\b(pip|conda|uv)3? ", run)]


@pytest.mark.parametrize("name", CLOUDS)
def test_ray_would_install_what_it_likes(name: str) -> None:
    """Or the test above would mean nothing."""
    raw = config_of(name)
    del raw["head_setup_commands"]
    assert any("pip install" in run for run in prepared(raw)["head_setup_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_the_head_has_no_cpu_for_trials(name: str) -> None:
    """In the autoscaler's mind and in Ray's, whatever the machine has."""
    config = prepared(config_of(name))
    head = config["available_node_types"][config["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    assert (head["min_workers"], head["max_workers"]) == (0, 0)
    assert any("ray start --head" in run and "--num-cpus=0 " in run for run in config["head_start_ray_commands"])


@pytest.mark.parametrize("name", CLOUDS)
def test_workers_come_from_none_to_as_many_as_the_file_says(name: str) -> None:
    """Spot and on-demand are the same machine; spot first; they are ended, not stopped, when nobody needs them."""
    config = prepared(config_of(name))
    spot, on_demand = (config["available_node_types"][kind] for kind in (SPOT, ON_DEMAND))
    for node in (spot, on_demand):
        assert (node["min_workers"], node["max_workers"]) == (0, config["max_workers"])
    assert spot["priority"] > on_demand["priority"]
    assert spot["resources"] == on_demand["resources"]
    paid = ("InstanceMarketOptions", "scheduling")  # how a machine is paid for
    same = [{key: value for key, value in node["node_config"].items() if key not in paid} for node in (spot, on_demand)]
    assert same[0] == same[1]
    assert "spot" in str({key: spot["node_config"].get(key) for key in paid}).lower()
    assert "spot" not in str(on_demand["node_config"]).lower()
    assert config["provider"]["cache_stopped_nodes"] is False
    assert config["idle_timeout_minutes"] == 5


@pytest.mark.parametrize("name", CLOUDS)
def test_spot_first_then_on_demand(name: str) -> None:
    """What the comment says Ray does: the priority, and on-demand machines beyond the last spot machine."""
    types = node_types(prepared(config_of(name)), missing=G6)
    most = types[SPOT].max_worker_nodes
    assert started(types, {"head": 1}, slots=3) == {SPOT: 3}
    assert started(types, {"head": 1, SPOT: most}, slots=2) == {ON_DEMAND: 2}
    assert started(types, {"head": 1, SPOT: most - 1}, slots=3) == {SPOT: 1, ON_DEMAND: 2}


@pytest.mark.parametrize("name", CLOUDS)
def test_a_refused_spot_machine_is_asked_for_again(name: str) -> None:
    """What the comment says Ray does not do. When this fails, Ray has learned it, and the comments are to change."""
    from ray.core.generated.instance_manager_pb2 import Instance

    types = node_types(prepared(config_of(name)), missing=G6)
    refused = [(SPOT, Instance.ALLOCATION_FAILED)]
    assert started(types, {"head": 1}, slots=1, events=refused) == {SPOT: 1}
    late = [(SPOT, Instance.ALLOCATION_TIMEOUT)]
    assert started(types, {"head": 1}, slots=1, events=late) == {ON_DEMAND: 1}


@pytest.mark.parametrize("running", [0, 2])
def test_what_to_do_without_spot_machines_works(running: int) -> None:
    """The comment's way: as many spot machines allowed as run; they stay, and on-demand machines come."""
    raw = config_of("cluster.yaml")
    raw["available_node_types"][SPOT]["max_workers"] = running
    types = node_types(prepared(raw), missing=G6)
    assert decided(types, {"head": 1, SPOT: running}, slots=3) == ({ON_DEMAND: 3}, {})


def test_fewer_machines_allowed_than_run_ends_some() -> None:
    """Why the comment says: as many as run."""
    raw = config_of("cluster.yaml")
    raw["available_node_types"][SPOT]["max_workers"] = 0
    assert decided(node_types(prepared(raw), missing=G6), {"head": 1, SPOT: 2})[1] == {SPOT: 2}


def test_the_newer_autoscaler_leaves_a_machine_of_ones_own_out() -> None:
    """Why deploy/local.yaml turns it off: it counts the head. When this fails, the file need not."""
    config = prepared(config_of("deploy/local.yaml"))
    (kind,) = config["available_node_types"]
    hosts = len(config["provider"]["worker_ips"])
    assert started(node_types(config), {kind: 1}) == {kind: hosts - 1}
    assert any("RAY_enable_autoscaler_v2=0 " in run for run in config["head_start_ray_commands"])


def test_the_older_autoscaler_takes_all_machines_of_ones_own() -> None:
    """The one that deploy/local.yaml asks for."""
    from ray.autoscaler._private.resource_demand_scheduler import _add_min_workers_nodes

    config = prepared(config_of("deploy/local.yaml"))
    (kind,) = config["available_node_types"]
    hosts = len(config["provider"]["worker_ips"])
    *_, added = _add_min_workers_nodes([{}], {kind: 1}, config["available_node_types"], hosts, kind, [], None)
    assert added == {kind: hosts}


def test_a_slot_fits_on_a_machine() -> None:
    """Of those that start without being looked up; no machine would ever be started otherwise."""
    resources = config_of("deploy/gcp.yaml")["available_node_types"][SPOT]["resources"]
    assert all(resources[name] >= amount for name, amount in SLOT.items())


def missing_parts(mounts: dict[str, str]) -> set[str]:
    """What an installation of kotune needs and is not sent to ~/kotune."""
    project = tomllib.loads(text_of("pyproject.toml"))
    setuptools = project["tool"]["setuptools"]
    needed = {
        *(name.split(".")[0] for name in setuptools["packages"]),
        *(f"{module}.py" for module in setuptools["py-modules"]),
    }
    needed |= {"Makefile", "pyproject.toml", "constraints.txt", project["project"]["readme"]}
    return {part for part in needed if mounts.get(f"~/kotune/{part}") != part}


@pytest.mark.parametrize("name", RAY_UP)
def test_what_is_sent_is_what_an_installation_needs(name: str) -> None:
    """And the token, and nothing else: no data, no studies, no environment. All of it is there."""
    mounts = config_of(name)["file_mounts"]
    assert not missing_parts(mounts)
    assert len(mounts) == len(missing_parts({})) + 1
    assert mounts[TOKEN] == TOKEN
    assert all((ROOT / part).exists() for where, part in mounts.items() if where != TOKEN)


def test_a_part_that_is_not_sent_is_missed() -> None:
    """Or the test above would mean nothing."""
    mounts = config_of("cluster.yaml")["file_mounts"]
    del mounts["~/kotune/trainables"]
    assert missing_parts(mounts) == {"trainables"}


def test_the_image_holds_the_same_parts() -> None:
    """The Dockerfile copies them one by one as well."""
    copied = {
        f"~/kotune/{part}": part
        for line in re.findall(r"^COPY (.*) \S+$", text_of("deploy/Dockerfile"), re.MULTILINE)
        for part in line.split()
    }
    assert not missing_parts(copied)
    assert len(copied) == len(missing_parts({}))


@pytest.mark.parametrize("name", RAY_UP)
def test_what_git_leaves_out_is_not_sent(name: str) -> None:
    """Studies, environments and caches by .gitignore; history and data beside them."""
    excluded = {str(pattern).strip("/") for pattern in config_of(name)["rsync_exclude"]}
    ignored = {line.strip("/") for line in text_of(".gitignore").splitlines() if line and not line.startswith("#")}
    assert excluded >= ignored | {".git", "data"}
    assert not any("token" in pattern for pattern in excluded)


def test_ray_reads_what_rsync_would_leave_out(tmp_path: Any) -> None:
    """Why the parts are mounted and not the folder. When this fails, the folder could be."""
    from ray.autoscaler._private import util

    (tmp_path / ".venv").mkdir()
    raw = [{"rsync_exclude": [".venv"]}]
    sums = []
    for content in ("one", "two"):
        (tmp_path / ".venv" / "file").write_text(content)
        util._hash_cache.clear()
        sums.append(util.hash_runtime_conf({"~/kotune": str(tmp_path)}, None, raw)[0])
    assert sums[0] != sums[1]
