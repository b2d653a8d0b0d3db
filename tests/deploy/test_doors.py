"""Who gets in: nobody without the token, nobody from outside; and no secret lies in the files."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from foundation.secrets import redact
from tests.deploy.reading import (
    FILES,
    KUBERAY,
    PAGE,
    RAY_UP,
    SHELLS,
    SLURM,
    config_of,
    simple_commands,
    strings_in,
    text_of,
)

TOKEN = "~/.ray/auth_token"


def starts_of(texts: list[str]) -> list[str]:
    """The commands that start Ray, each with the assignments before it."""
    joined = (re.sub(r"\\\n\s*", "", text) for text in texts)
    return [found for text in joined for found in re.findall(r"(?:\w+=\S+ )*\bray start\b[^;&\n]*", text)]


def open_doors(name: str, config: dict[str, Any], text: str) -> list[str]:
    """What would let the world in, in words."""
    doors = []
    runs = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    for start in starts_of(runs or [without_comments(text)] * name.endswith(".sh")):
        closed = "--dashboard-host=127.0.0.1" in start or "--include-dashboard=false" in start
        if "--head" in start and not closed:
            doors.append("a dashboard on every address")
        if re.search(r"--(dashboard-host|node-ip-address)=(0\.0\.0\.0|::)", start):
            doors.append("every address")
    if re.search(r"0\.0\.0\.0|::/0", without_comments(text)):
        doors.append("the whole world")
    if config.get("provider", {}).get("security_group", {}).get("IpPermissions"):
        doors.append("rules beside Ray's own")
    for kind in ("hostNetwork", "hostPort", "enableIngress", "headService", "LoadBalancer", "NodePort", "Ingress"):
        if kind in strings_in(config):
            doors.append(kind)
    return doors


def without_token(name: str, config: dict[str, Any], text: str) -> list[str]:
    """What would run without asking for the token, or could not: in words."""
    if name == KUBERAY:
        mode = config["spec"]["rayClusterSpec"].get("authOptions", {}).get("mode")
        return [] if mode == "token" else ["the operator makes no token"]
    if name.endswith(".sh"):
        bare = without_comments(text)
        before = bare[: bare.find("ray start")]
        kept = re.search(r"umask 077 && ray get-auth-token --generate > /dev/null", before)
        asked = "export RAY_AUTH_MODE=token" in before
        return ["nobody is asked"] * (not asked) + ["the token is anybody's to read"] * (not kept)
    starts = starts_of([*config["head_start_ray_commands"], *config["worker_start_ray_commands"]])
    missing = [start for start in starts if "RAY_AUTH_MODE=token " not in start]
    return missing + ["the token stays at home"] * (config["file_mounts"].get(TOKEN) != TOKEN)


def without_comments(text: str) -> str:
    """What is not behind a number sign."""
    return re.sub(r"(?m)(^|\s)#.*$", r"\1", text)


def read(name: str) -> dict[str, Any]:
    """The YAML in a file; nothing of a script."""
    return config_of(name) if name.endswith(".yaml") else {}


def changed(name: str, old: str, new: str) -> tuple[str, str]:
    """The file's name and its text with `new` for `old`, which must be in it."""
    text = text_of(name)
    assert old in text
    return name, text.replace(old, new)


@pytest.mark.parametrize("name", [*RAY_UP, KUBERAY, *SHELLS])
def test_no_door_is_open(name: str) -> None:
    """The dashboard is on the machine itself, or not there; no rule lets in the world."""
    assert open_doors(name, read(name), text_of(name)) == []


@pytest.mark.parametrize("name", [*RAY_UP, KUBERAY, SLURM])
def test_every_ray_asks_for_the_token_and_has_it(name: str) -> None:
    """All of them: a worker that does not ask could not talk to a head that does."""
    assert without_token(name, read(name), text_of(name)) == []


@pytest.mark.parametrize("name", [*RAY_UP, SLURM])
def test_ray_is_started_where_it_is_looked_for(name: str) -> None:
    """A head and its workers; a start that the tests above overlooked would be no start."""
    texts = [run for key, value in read(name).items() if key.endswith("_commands") for run in value]
    starts = starts_of(texts or [without_comments(text_of(name))])
    assert [("--head" in start) for start in starts] == [True, False]


#: What is wrong -> a file, what stands in it, what would stand there.
OPENED = {
    "a dashboard for all": ("cluster.yaml", "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0"),
    "a dashboard where Ray likes it": ("cluster.yaml", "--dashboard-host=127.0.0.1 ", ""),
    "a rule for the world": (
        "cluster.yaml",
        "    GroupName: kotune\n",
        "    GroupName: kotune\n    IpPermissions: [{FromPort: 8265, ToPort: 8265, IpProtocol: tcp}]\n",
    ),
    "a dashboard on Slurm": (SLURM, "--include-dashboard=false", ""),
    "an address of the world": ("deploy/aws_account.sh", '"$address/32"', "0.0.0.0/0"),
    "a balancer": (KUBERAY, "ClusterIP", "LoadBalancer"),
    "an ingress": (KUBERAY, "serviceType: ClusterIP", "enableIngress: true"),
    "the node's network": (KUBERAY, "volumes: &volumes", "hostNetwork: true\n          volumes: &volumes"),
}


@pytest.mark.parametrize("kind", OPENED)
def test_an_open_door_is_seen(kind: str) -> None:
    """Or the tests above would mean nothing."""
    name, text = changed(*OPENED[kind])
    assert open_doors(name, yaml.safe_load(text) if name.endswith(".yaml") else {}, text)


TOKENLESS = {
    "a head that does not ask": ("cluster.yaml", "RAY_AUTH_MODE=token ray start --head", "ray start --head"),
    "a worker that does not ask": ("deploy/gcp.yaml", "RAY_AUTH_MODE=token ray start --add", "ray start --add"),
    "asking switched off": ("deploy/local.yaml", "RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled"),
    "no token sent": ("deploy/local.yaml", "  ~/.ray/auth_token: ~/.ray/auth_token", "  ~/x: ~/x"),
    "no token made by the operator": (KUBERAY, "mode: token", "mode: disabled"),
    "nothing said to the operator": (KUBERAY, "    authOptions: {mode: token}\n", ""),
    "a job that does not ask": (SLURM, "export RAY_AUTH_MODE=token", ""),
    "a token for all to read": (SLURM, "umask 077 && ", ""),
}


@pytest.mark.parametrize("kind", TOKENLESS)
def test_a_ray_without_a_token_is_seen(kind: str) -> None:
    """Or the tests above would mean nothing."""
    name, text = changed(*TOKENLESS[kind])
    assert without_token(name, yaml.safe_load(text) if name.endswith(".yaml") else {}, text)


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_the_token_is_made_for_its_owner_alone(name: str) -> None:
    """Ray writes it as the umask says, and prints it: neither a file nor a terminal is to show it to others."""
    made = [line for line in text_of(name).splitlines() if "get-auth-token" in line and "--generate" in line]
    assert all("umask 077" in line for line in made)
    commands = [line for line in made if "ray get-auth-token --generate`" not in line]
    assert all("> /dev/null" in line for line in commands)


def secrets_in(text: str) -> bool:
    """Whether kotune would hide something of it. Names of variables, keys and files are no secrets."""
    named = re.sub(r"RAY_AUTH_TOKEN(_PATH)?|auth_token|ssh_private_key: ~/\S+", "", text)
    return redact(named) != named


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_no_secret_lies_in_the_files(name: str) -> None:
    """By form, as kotune knows them everywhere else."""
    assert not secrets_in(text_of(name))


@pytest.mark.parametrize(
    "secret",
    ["  AWS_SECRET_ACCESS_KEY: wJalrXUt", "export WANDB_API_KEY=0123456789", "hf_" + "a" * 30, "AKIA" + "A" * 16],
)
def test_a_secret_would_be_seen(secret: str) -> None:
    """Or the test above would mean nothing."""
    assert secrets_in(f"{text_of('cluster.yaml')}\n{secret}\n")


def test_only_one_role_may_start_machines() -> None:
    """What runs on a GPU machine reaches the bucket and nothing else of the account."""
    config = config_of("cluster.yaml")["available_node_types"]
    profiles = {kind: node["node_config"]["IamInstanceProfile"]["Name"] for kind, node in config.items()}
    assert profiles == {"head": "kotune-head", "gpu_spot": "kotune-worker", "gpu_on_demand": "kotune-worker"}
    script = text_of("deploy/aws_account.sh")
    started = [words for words in simple_commands(script) if "ec2:RunInstances" in " ".join(words)]
    assert [words[words.index("--role-name") + 1] for words in started] == ["kotune-head"]
    passed = re.findall(r'"Resource": "([^{}]*)", "Action": "iam:PassRole"', script)
    assert [role.endswith(":role/kotune-worker") for role in passed] == [True]
