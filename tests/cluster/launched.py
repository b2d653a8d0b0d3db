"""A Ray cluster on hosts made of namespaces, started by `ray up` from `deploy/local.yaml` with their addresses.

The hosts share the CPUs of this machine, its Python environment and one folder (see `hosts`).
"""

from __future__ import annotations

import json
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.hosts import FOLDER, Host, make_hosts

ROOT = Path(__file__).resolve().parents[2]

#: The folder that all hosts share.
SHARED = FOLDER / "shared"

_ASK = """
import ray
from ray._private import state
ray.init("auto", logging_level=40)
names = {node["NodeID"]: node["NodeManagerHostname"] for node in ray.nodes() if node["Alive"]}
alive = [actor for actor in state.actors().values() if actor["State"] == "ALIVE"]
workers = {names.get(actor["Address"]["NodeID"]) for actor in alive if actor["ActorClassName"] == "RayTrainWorker"}
print(len(names), *sorted(workers & set(names.values())))
"""


def cluster_file(hosts: list[Host], cpus: int) -> Path:
    """Writes `deploy/local.yaml` for these hosts, with `cpus` CPUs each and the Python environment of this machine."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "local.yaml").read_text(encoding="utf-8"))
    first, *others = [host.address for host in hosts]
    config["provider"] |= {"head_ip": first, "worker_ips": others}
    config["auth"] = {"ssh_user": "root", "ssh_private_key": str(FOLDER / "key")}
    token = FOLDER / "auth_token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32))
    config["file_mounts"] = {
        target: str(token) if "auth_token" in source else str(ROOT / source)
        for target, source in config["file_mounts"].items()
    }
    config["setup_commands"] = [
        f"ln -sfn {ROOT / '.venv'} ~/kotune/.venv",
        *[command for command in config["setup_commands"] if "make" not in command],
    ]
    for kind in ("head_start_ray_commands", "worker_start_ray_commands"):
        config[kind] = [command.replace("ray start", f"ray start --num-cpus={cpus}") for command in config[kind]]
    file = FOLDER / "cluster.yaml"
    file.write_text(yaml.safe_dump(config, width=10_000), encoding="utf-8")
    return file


class Cluster:
    """A cluster of hosts; the first one is the head."""

    def __init__(self, hosts: list[Host], cpus: int = 2) -> None:
        self.hosts, self.file = hosts, cluster_file(hosts, cpus)
        SHARED.mkdir(exist_ok=True)

    def ray(self, *words: str) -> None:
        """Runs a command of Ray's launcher on this machine.

        Raises:
            RuntimeError: the command failed.
        """
        command = [str(ROOT / ".venv" / "bin" / "ray"), words[0], str(self.file), *words[1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"ray {words[0]}: {done.stdout[-2000:]}")

    def kotune(self, *words: object) -> subprocess.Popen[str]:
        """Starts a command of kotune on the head."""
        script = f"cd ~/kotune && .venv/bin/python cli.py {' '.join(map(str, words))}"
        return subprocess.Popen(self.hosts[0].ssh(script), stdout=subprocess.PIPE, text=True)

    def machines(self) -> tuple[int, set[str]]:
        """Returns the number of Ray's machines (0 if it does not answer) and the names of those with workers."""
        command = self.hosts[0].ssh(f"cd ~/kotune && .venv/bin/python -c {shlex.quote(_ASK)}")
        count, *names = subprocess.run(command, capture_output=True, text=True).stdout.split() or ["0"]
        return int(count), set(names)

    def wait_for(self, machines: int, seconds: float = 120.0) -> None:
        """Waits until Ray has this number of machines.

        Raises:
            RuntimeError: time is up.
        """
        end = time.monotonic() + seconds
        while self.machines()[0] < machines:
            if time.monotonic() > end:
                raise RuntimeError(f"Ray has fewer than {machines} machines after {seconds:g} s")
            time.sleep(1.0)


@contextmanager
def launched(count: int, cpus: int) -> Iterator[Cluster]:
    """Starts a cluster on new hosts, and removes the hosts on exit."""
    with make_hosts(count) as hosts:
        cluster = Cluster(hosts, cpus)
        cluster.ray("up", "--yes")
        cluster.wait_for(count)
        yield cluster


def records(study: str) -> dict[int, dict[str, Any]]:
    """Returns trial number -> record, for a study in the shared folder."""
    trials = [json.loads(file.read_text(encoding="utf-8")) for file in SHARED.glob(f"{study}/trials/*/trial.json")]
    return {record["number"]: record for record in trials}
