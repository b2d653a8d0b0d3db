"""Access control: no access without the token or from outside, and no secrets in the files."""

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
    """Returns the commands that start Ray, each with its leading assignments."""
    joined = (re.sub(r"\\\n\s*", "", text) for text in texts)
    return [match for text in joined for match in re.findall(r"(?:\w+=\S+ )*\bray start\b[^;&\n]*", text)]


def open_access(name: str, config: dict[str, Any], text: str) -> list[str]:
    """Returns the settings that allow access from anywhere, in words."""
    problems = []
    runs = [run for key, value in config.items() if key.endswith("_commands") for run in value]
    for start in starts_of(runs or [without_comments(text)] * name.endswith(".sh")):
        closed = "--dashboard-host=127.0.0.1" in start or "--include-dashboard=false" in start
        if "--head" in start and not closed:
            problems.append("a dashboard on every address")
        if re.search(r"--(dashboard-host|node-ip-address)=(0\.0\.0\.0|::)", start):
            problems.append("every address")
    if re.search(r"0\.0\.0\.0|::/0", without_comments(text)):
        problems.append("the whole world")
    if config.get("provider", {}).get("security_group", {}).get("IpPermissions"):
        problems.append("rules beside Ray's own")
    for kind in ("hostNetwork", "hostPort", "enableIngress", "headService", "LoadBalancer", "NodePort", "Ingress"):
        if kind in strings_in(config):
            problems.append(kind)
    return problems


def without_token(name: str, config: dict[str, Any], text: str) -> list[str]:
    """Returns the processes without token authentication, or without a token, in words."""
    if name == KUBERAY:
        mode = config["spec"]["rayClusterSpec"].get("authOptions", {}).get("mode")
        return [] if mode == "token" else ["the operator creates no token"]
    if name.endswith(".sh"):
        bare = without_comments(text)
        before = bare[: bare.find("ray start")]
        private = re.search(r"umask 077 && ray get-auth-token --generate > /dev/null", before)
        token_mode = "export RAY_AUTH_MODE=token" in before
        return ["no token authentication"] * (not token_mode) + ["the token is readable by others"] * (not private)
    starts = starts_of([*config["head_start_ray_commands"], *config["worker_start_ray_commands"]])
    missing = [start for start in starts if "RAY_AUTH_MODE=token " not in start]
    return missing + ["the token is not copied"] * (config["file_mounts"].get(TOKEN) != TOKEN)


def without_comments(text: str) -> str:
    """Returns the text without comments."""
    return re.sub(r"(?m)(^|\s)#.*$", r"\1", text)


def yaml_of(name: str) -> dict[str, Any]:
    """Returns the YAML of a file; an empty mapping for a script."""
    return config_of(name) if name.endswith(".yaml") else {}


def changed(name: str, old: str, new: str) -> tuple[str, str]:
    """Returns the name of a file and its text with `old`, which must occur, replaced by `new`."""
    text = text_of(name)
    assert old in text
    return name, text.replace(old, new)


@pytest.mark.parametrize("name", [*RAY_UP, KUBERAY, *SHELLS])
def test_no_access_from_anywhere(name: str) -> None:
    """The dashboard listens on localhost or is off; no rule admits the world."""
    assert open_access(name, yaml_of(name), text_of(name)) == []


@pytest.mark.parametrize("name", [*RAY_UP, KUBERAY, SLURM])
def test_every_ray_uses_the_token(name: str) -> None:
    """Heads and workers: without it, a worker cannot talk to the head."""
    assert without_token(name, yaml_of(name), text_of(name)) == []


@pytest.mark.parametrize("name", [*RAY_UP, SLURM])
def test_starts_of_ray_are_recognised(name: str) -> None:
    """One head and one worker command per file: the tests above miss none."""
    texts = [run for key, value in yaml_of(name).items() if key.endswith("_commands") for run in value]
    starts = starts_of(texts or [without_comments(text_of(name))])
    assert [("--head" in start) for start in starts] == [True, False]


#: Fault -> a file, a text in it, and its replacement.
OPENED = {
    "a dashboard for all": ("cluster.yaml", "--dashboard-host=127.0.0.1", "--dashboard-host=0.0.0.0"),
    "a dashboard on Ray's default address": ("cluster.yaml", "--dashboard-host=127.0.0.1 ", ""),
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
def test_open_access_is_detected(kind: str) -> None:
    """Shows that the tests above can fail."""
    name, text = changed(*OPENED[kind])
    assert open_access(name, yaml.safe_load(text) if name.endswith(".yaml") else {}, text)


TOKENLESS = {
    "a head without authentication": ("cluster.yaml", "RAY_AUTH_MODE=token ray start --head", "ray start --head"),
    "a worker without authentication": ("deploy/gcp.yaml", "RAY_AUTH_MODE=token ray start --add", "ray start --add"),
    "authentication disabled": ("deploy/local.yaml", "RAY_AUTH_MODE=token", "RAY_AUTH_MODE=disabled"),
    "no token copied": ("deploy/local.yaml", "  ~/.ray/auth_token: ~/.ray/auth_token", "  ~/x: ~/x"),
    "no token from the operator": (KUBERAY, "mode: token", "mode: disabled"),
    "no option for the operator": (KUBERAY, "    authOptions: {mode: token}\n", ""),
    "a job without authentication": (SLURM, "export RAY_AUTH_MODE=token", ""),
    "a token readable by others": (SLURM, "umask 077 && ", ""),
}


@pytest.mark.parametrize("kind", TOKENLESS)
def test_a_missing_token_is_detected(kind: str) -> None:
    """Shows that the tests above can fail."""
    name, text = changed(*TOKENLESS[kind])
    assert without_token(name, yaml.safe_load(text) if name.endswith(".yaml") else {}, text)


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_the_token_is_created_private(name: str) -> None:
    """Ray writes the file with the permissions of the umask and prints the token; both must stay private."""
    lines = [line for line in text_of(name).splitlines() if "get-auth-token" in line and "--generate" in line]
    assert all("umask 077" in line for line in lines)
    commands = [line for line in lines if "ray get-auth-token --generate`" not in line]
    assert all("> /dev/null" in line for line in commands)


def secrets_in(text: str) -> bool:
    """Whether kotune would redact something in the text, apart from names of variables, keys and files."""
    named = re.sub(r"RAY_AUTH_TOKEN(_PATH)?|auth_token|ssh_private_key: ~/\S+", "", text)
    return redact(named) != named


@pytest.mark.parametrize("name", [*FILES, PAGE])
def test_files_contain_no_secret(name: str) -> None:
    """By the patterns that kotune redacts elsewhere."""
    assert not secrets_in(text_of(name))


@pytest.mark.parametrize(
    "secret",
    ["  AWS_SECRET_ACCESS_KEY: wJalrXUt", "export WANDB_API_KEY=0123456789", "hf_" + "a" * 30, "AKIA" + "A" * 16],
)
def test_a_secret_is_detected(secret: str) -> None:
    """Shows that the test above can fail."""
    assert secrets_in(f"{text_of('cluster.yaml')}\n{secret}\n")


def test_only_one_role_may_start_machines() -> None:
    """GPU machines have access to the bucket and nothing else in the account."""
    config = config_of("cluster.yaml")["available_node_types"]
    profiles = {kind: node["node_config"]["IamInstanceProfile"]["Name"] for kind, node in config.items()}
    assert profiles == {"head": "kotune-head", "gpu_spot": "kotune-worker", "gpu_on_demand": "kotune-worker"}
    script = text_of("deploy/aws_account.sh")
    started = [words for words in simple_commands(script) if "ec2:RunInstances" in " ".join(words)]
    assert [words[words.index("--role-name") + 1] for words in started] == ["kotune-head"]
    passed = re.findall(r'"Resource": "([^{}]*)", "Action": "iam:PassRole"', script)
    assert [role.endswith(":role/kotune-worker") for role in passed] == [True]
