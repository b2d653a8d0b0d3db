"""What deploy/aws_account.sh would ask of AWS, with an `aws` that stands in for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.fakes import Fakes
from tests.deploy.reading import ROOT, config_of

#: An account with nothing in it: what is asked for is not there, what is made gets a name.
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
def asked(tmp_path: Path) -> Any:
    """Runs the script; answers its output and the calls of `aws`, each as options by name."""

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


def test_it_answers_the_image_alone(asked: Any) -> None:
    """The comment in cluster.yaml puts what it prints into the file."""
    said, _ = asked()
    assert said == "ami-0123\n"


def test_roles_may_do_what_they_must(asked: Any) -> None:
    """Policies are JSON; the worker's reach the bucket, the head's machines and the worker's role too."""
    _, calls = asked()
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
    more = [statement for statement in allowed["kotune-head"] if statement not in allowed["kotune-worker"]]
    assert [statement["Resource"] for statement in more] == ["*", "arn:aws:iam::123456789012:role/kotune-worker"]
    assert {action.split(":")[0] for action in more[0]["Action"]} == {"ec2"}
    assert more[1]["Action"] == "iam:PassRole"


def test_names_are_those_in_the_file(asked: Any) -> None:
    """Profiles and security group."""
    _, calls = asked()
    config = config_of("cluster.yaml")
    made = {options["--instance-profile-name"] for what, options in calls if what == "iam create-instance-profile"}
    assert made == {
        node["node_config"]["IamInstanceProfile"]["Name"] for node in config["available_node_types"].values()
    }
    groups = {options["--group-name"] for what, options in calls if what == "ec2 create-security-group"}
    assert groups == {config["provider"]["security_group"]["GroupName"]}
    assert {options["--region"] for what, options in calls if what.startswith("ec2")} == {config["provider"]["region"]}


def test_the_group_lets_in_one_address(asked: Any) -> None:
    """By SSH; and its own members by everything, or Ray would be deaf."""
    _, calls = asked()
    rules = [options for what, options in calls if what == "ec2 authorize-security-group-ingress"]
    named = ("--protocol", "--port", "--source-group", "--cidr")
    assert [[rule.get(option) for option in named] for rule in rules] == [
        ["all", None, "sg-1", None],
        ["tcp", "22", None, "203.0.113.7/32"],
    ]


def test_a_group_that_is_there_is_kept(asked: Any) -> None:
    """A second call, from another address, adds that address."""
    _, calls = asked("sg-9")
    assert "ec2 create-security-group" not in {what for what, _ in calls}
    (rule,) = [options for what, options in calls if what == "ec2 authorize-security-group-ingress"]
    assert (rule["--group-id"], rule["--cidr"]) == ("sg-9", "203.0.113.7/32")


def test_ec2_knows_every_parameter() -> None:
    """By the definitions that come with boto3, where it is installed."""
    pytest.importorskip("botocore", reason="boto3 is not installed: make venv EXTRAS=aws")
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("ec2")
    shape = model.operation_model("RunInstances").input_shape
    for node in config_of("cluster.yaml")["available_node_types"].values():
        given = {**node["node_config"], "MinCount": 1, "MaxCount": 1}
        assert not ParamValidator().validate(given, shape).generate_report()
        misspelt = {**given, "InstanceMarketOption": {}}
        assert ParamValidator().validate(misspelt, shape).generate_report()
