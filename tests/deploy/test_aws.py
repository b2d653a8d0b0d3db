"""cluster.yaml in an account that is made up (moto): what Ray resolves, starts and ends. Nothing leaves the machine."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.deploy.reading import text_of
from tests.deploy.test_ray_up import G6, ON_DEMAND, SPOT

boto3 = pytest.importorskip("boto3", reason="boto3 is not installed: make venv EXTRAS=dev,aws")
moto = pytest.importorskip("moto", reason="moto is not installed: make venv")

REGION = "us-east-1"


@dataclass(frozen=True)
class Account:
    """An account with what deploy/aws_account.sh makes in it.

    Args:
        group: id of the security group.
        rules: its rules before Ray came.
        config: cluster.yaml as `ray up` resolves it there.
    """

    ec2: Any
    group: str
    rules: list[Any]
    config: dict[str, Any]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """Made up; with a home folder for the key that Ray makes."""
    from ray.autoscaler._private.aws import config, utils

    for cached in (utils.resource_cache, utils.client_cache, config._get_subnets_or_die):
        cached.cache_clear()
    with pytest.MonkeyPatch.context() as patch, moto.mock_aws():
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "made-up")
        ec2 = boto3.client("ec2", REGION)
        for name in ("kotune-head", "kotune-worker"):
            boto3.client("iam").create_instance_profile(InstanceProfileName=name)
        group = _group(ec2)
        yield Account(ec2, group, _rules(ec2, group), _resolved(ec2))


def _group(ec2: Any) -> str:
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group: str = ec2.create_security_group(GroupName="kotune", Description="kotune", VpcId=vpc)["GroupId"]
    inside = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "203.0.113.7/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[inside, ssh])
    return group


def _rules(ec2: Any, group: str) -> list[Any]:
    found: list[Any] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    return found


def _resolved(ec2: Any) -> dict[str, Any]:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    config = prepare_config(yaml.safe_load(text_of("cluster.yaml").replace("ami-NONE", image)))
    config = AWSNodeProvider.fillout_available_node_types_resources(config)
    validate_config(config)
    answer: dict[str, Any] = AWSNodeProvider.bootstrap_config(config)
    return answer


def world(rules: list[Any]) -> list[int]:
    """The ports at which everybody is let in."""
    return [rule["FromPort"] for rule in rules if {"CidrIp": "0.0.0.0/0"} in rule["IpRanges"]]


def test_ray_resolves_the_file(account: Account) -> None:
    """Resources of workers from the instance type, none for the head; every zone; the group that is there."""
    types = account.config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    for kind in (SPOT, ON_DEMAND):
        assert types[kind]["resources"].items() >= G6.items()
        assert types[kind]["node_config"]["SecurityGroupIds"] == [account.group]
        assert len(types[kind]["node_config"]["SubnetIds"]) == len(account.ec2.describe_subnets()["Subnets"])
    assert types[SPOT]["resources"] == types[ON_DEMAND]["resources"]
    assert not account.config["head_node"]  # Ray would put a role of its own here


def test_ray_leaves_the_groups_rules_alone(account: Account) -> None:
    """Its own would let the world in at port 22."""
    assert _rules(account.ec2, account.group) == account.rules
    assert world(account.rules) == []


def test_a_group_of_rays_own_is_open_at_port_22(account: Account) -> None:
    """What the comment says of whoever left deploy/aws_account.sh out; at that port alone."""
    from ray.autoscaler._private.aws.config import bootstrap_aws

    config = copy.deepcopy(account.config)
    config["provider"]["security_group"]["GroupName"] = "another"
    for node in config["available_node_types"].values():
        del node["node_config"]["SecurityGroupIds"]
    (group,) = bootstrap_aws(config)["available_node_types"]["head"]["node_config"]["SecurityGroupIds"]
    assert group != account.group
    assert world(_rules(account.ec2, group)) == [22]


def test_machines_are_what_the_file_says_and_are_ended(account: Account) -> None:
    """Spot or not, with their roles; ended, not stopped, when Ray needs them no longer."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider = AWSNodeProvider(account.config["provider"], account.config["cluster_name"])
    started = {}
    for kind, node in account.config["available_node_types"].items():
        tags = {"ray-node-type": "worker", "ray-user-node-type": kind}
        (started[kind],) = provider.create_node(dict(node["node_config"]), tags, 1)
    machines = _machines(account.ec2)
    paid = {kind: machines[name].get("InstanceLifecycle") for kind, name in started.items()}
    assert paid == {"head": None, SPOT: "spot", ON_DEMAND: None}
    roles = {kind: machines[name]["IamInstanceProfile"]["Arn"].split("/")[-1] for kind, name in started.items()}
    assert roles == {"head": "kotune-head", SPOT: "kotune-worker", ON_DEMAND: "kotune-worker"}
    provider.terminate_nodes([*started.values()])
    assert {machine["State"]["Name"] for machine in _machines(account.ec2).values()} == {"terminated"}


def _machines(ec2: Any) -> dict[str, Any]:
    reservations = ec2.describe_instances()["Reservations"]
    return {machine["InstanceId"]: machine for part in reservations for machine in part["Instances"]}
