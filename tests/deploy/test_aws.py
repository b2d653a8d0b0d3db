"""cluster.yaml in a simulated AWS account (moto): what Ray resolves, starts and terminates."""

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
    """An account with everything that deploy/aws_account.sh creates.

    Args:
        group: id of the security group.
        rules: its rules before Ray runs.
        config: cluster.yaml as `ray up` resolves it in the account.
    """

    ec2: Any
    group: str
    rules: list[Any]
    config: dict[str, Any]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """A simulated account, with a home folder for the key that Ray creates."""
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
    rules: list[Any] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    return rules


def _resolved(ec2: Any) -> dict[str, Any]:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    config = prepare_config(yaml.safe_load(text_of("cluster.yaml").replace("ami-NONE", image)))
    config = AWSNodeProvider.fillout_available_node_types_resources(config)
    validate_config(config)
    answer: dict[str, Any] = AWSNodeProvider.bootstrap_config(config)
    return answer


def open_ports(rules: list[Any]) -> list[int]:
    """Returns the ports that are open to the world."""
    return [rule["FromPort"] for rule in rules if {"CidrIp": "0.0.0.0/0"} in rule["IpRanges"]]


def test_ray_resolves_the_file(account: Account) -> None:
    """Workers get the resources of the instance type, the head none; all zones; the existing security group."""
    types = account.config["available_node_types"]
    assert types["head"]["resources"] == {"CPU": 0}
    for kind in (SPOT, ON_DEMAND):
        assert types[kind]["resources"].items() >= G6.items()
        assert types[kind]["node_config"]["SecurityGroupIds"] == [account.group]
        assert len(types[kind]["node_config"]["SubnetIds"]) == len(account.ec2.describe_subnets()["Subnets"])
    assert types[SPOT]["resources"] == types[ON_DEMAND]["resources"]
    assert not account.config["head_node"]  # Ray would set its own role here


def test_ray_does_not_change_the_groups_rules(account: Account) -> None:
    """Ray's default rules open port 22 to the world."""
    assert _rules(account.ec2, account.group) == account.rules
    assert open_ports(account.rules) == []


def test_a_group_created_by_ray_is_open_at_port_22(account: Account) -> None:
    """As the comment in the file says, if deploy/aws_account.sh was not run; no other port is open."""
    from ray.autoscaler._private.aws.config import bootstrap_aws

    config = copy.deepcopy(account.config)
    config["provider"]["security_group"]["GroupName"] = "another"
    for node in config["available_node_types"].values():
        del node["node_config"]["SecurityGroupIds"]
    (group,) = bootstrap_aws(config)["available_node_types"]["head"]["node_config"]["SecurityGroupIds"]
    assert group != account.group
    assert open_ports(_rules(account.ec2, group)) == [22]


def test_machines_match_the_file_and_are_terminated(account: Account) -> None:
    """Spot or on-demand, with their roles; terminated, not stopped."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider = AWSNodeProvider(account.config["provider"], account.config["cluster_name"])
    ids = {}
    for kind, node in account.config["available_node_types"].items():
        tags = {"ray-node-type": "worker", "ray-user-node-type": kind}
        (ids[kind],) = provider.create_node(dict(node["node_config"]), tags, 1)
    machines = _machines(account.ec2)
    paid = {kind: machines[name].get("InstanceLifecycle") for kind, name in ids.items()}
    assert paid == {"head": None, SPOT: "spot", ON_DEMAND: None}
    roles = {kind: machines[name]["IamInstanceProfile"]["Arn"].split("/")[-1] for kind, name in ids.items()}
    assert roles == {"head": "kotune-head", SPOT: "kotune-worker", ON_DEMAND: "kotune-worker"}
    provider.terminate_nodes([*ids.values()])
    assert {machine["State"]["Name"] for machine in _machines(account.ec2).values()} == {"terminated"}


def _machines(ec2: Any) -> dict[str, Any]:
    reservations = ec2.describe_instances()["Reservations"]
    return {machine["InstanceId"]: machine for part in reservations for machine in part["Instances"]}
