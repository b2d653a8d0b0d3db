"""The requests of deploy/aws_account.sh, recorded by a fake `aws`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.fakes import Fakes
from tests.deploy.reading import ROOT, config_of

#: An empty account: queries find nothing, and created objects get an id.
_AWS = """
case "$1 $2" in
    "sts get-caller-identity") echo 123456789012 ;;
    "s3api head-bucket") echo '{"BucketRegion": "us-east-1"}' ;;
    "iam get-role" | "iam get-instance-profile") exit 254 ;;
    "ec2 describe-vpcs") echo vpc-1 ;;
    "ec2 describe-security-groups") echo "$GROUP" ;;
    "ec2 create-security-group") echo sg-1 ;;
    "ssm get-parameter") echo ami-0123 ;;
    *) echo '{"Return": true}' ;;
esac
"""


@pytest.fixture
def run_script(tmp_path: Path) -> Any:
    """Runs the script; returns its output and the calls of `aws`, each as options by name."""

    def run(group: str = "None") -> tuple[str, list[tuple[str, dict[str, str]]]]:
        (tmp_path / group).mkdir()
        fakes = Fakes(tmp_path / group, {"aws": _AWS, "curl": "echo 203.0.113.7"})
        command = ["bash", str(ROOT / "deploy/aws_account.sh"), "us-east-1", "my-runs"]
        environment = {**fakes.environment, "GROUP": group}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return answer.stdout, [_options(call) for call in fakes.calls if call[0] == "aws"]

    return run


def _options(call: list[str]) -> tuple[str, dict[str, str]]:
    values = {word: call[number + 1] for number, word in enumerate(call[:-1]) if word.startswith("--")}
    return " ".join(call[1:3]), values


def test_stdout_is_the_image_alone(run_script: Any) -> None:
    """The command in cluster.yaml writes this output into the file."""
    output, _ = run_script()
    assert output == "ami-0123\n"


def test_permissions_of_the_roles(run_script: Any) -> None:
    """Policies are JSON; workers may use the bucket, the head also machines and the worker's role."""
    _, calls = run_script()
    allowed: dict[str, list[dict[str, Any]]] = {}
    for what, options in calls:
        if what == "iam put-role-policy":
            statements = json.loads(options["--policy-document"])["Statement"]
            allowed.setdefault(options["--role-name"], []).extend(statements)
        if what == "iam create-role":
            assert json.loads(options["--assume-role-policy-document"])["Statement"][0]["Effect"] == "Allow"
    assert {statement["Resource"] for statement in allowed["kotune-worker"]} == {
        "arn:aws:s3:::my-runs",
        "arn:aws:s3:::my-runs/*",
    }
    extra = [statement for statement in allowed["kotune-head"] if statement not in allowed["kotune-worker"]]
    assert [statement["Resource"] for statement in extra] == ["*", "arn:aws:iam::123456789012:role/kotune-worker"]
    assert {action.split(":")[0] for action in extra[0]["Action"]} == {"ec2"}
    assert extra[1]["Action"] == "iam:PassRole"


def test_names_match_cluster_yaml(run_script: Any) -> None:
    """Instance profiles, security group and region."""
    _, calls = run_script()
    config = config_of("cluster.yaml")
    profiles = {options["--instance-profile-name"] for what, options in calls if what == "iam create-instance-profile"}
    assert profiles == {
        node["node_config"]["IamInstanceProfile"]["Name"] for node in config["available_node_types"].values()
    }
    groups = {options["--group-name"] for what, options in calls if what == "ec2 create-security-group"}
    assert groups == {config["provider"]["security_group"]["GroupName"]}
    assert {options["--region"] for what, options in calls if what.startswith("ec2")} == {config["provider"]["region"]}


def test_the_group_admits_one_address(run_script: Any) -> None:
    """SSH from that address; all traffic between members, which Ray needs."""
    _, calls = run_script()
    rules = [options for what, options in calls if what == "ec2 authorize-security-group-ingress"]
    options_shown = ("--protocol", "--port", "--source-group", "--cidr")
    assert [[rule.get(option) for option in options_shown] for rule in rules] == [
        ["all", None, "sg-1", None],
        ["tcp", "22", None, "203.0.113.7/32"],
    ]


def test_an_existing_group_is_used(run_script: Any) -> None:
    """A second run from another address adds that address."""
    _, calls = run_script("sg-9")
    assert "ec2 create-security-group" not in {what for what, _ in calls}
    (rule,) = [options for what, options in calls if what == "ec2 authorize-security-group-ingress"]
    assert (rule["--group-id"], rule["--cidr"]) == ("sg-9", "203.0.113.7/32")


def test_ec2_accepts_every_parameter() -> None:
    """According to the definitions in boto3."""
    pytest.importorskip("botocore", reason="boto3 is not installed: make venv EXTRAS=aws")
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model("RunInstances").input_shape
    for node in config_of("cluster.yaml")["available_node_types"].values():
        parameters = {**node["node_config"], "MinCount": 1, "MaxCount": 1}
        assert not ParamValidator().validate(parameters, shape).generate_report()
        misspelt = {**parameters, "InstanceMarketOption": {}}
        assert ParamValidator().validate(misspelt, shape).generate_report()
