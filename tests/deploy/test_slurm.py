"""The Slurm script, run with programs that stand in for Slurm, Ray and kotune."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.fakes import Fakes
from tests.deploy.reading import ROOT, SLURM

#: A job of Slurm's with number 12345 on nodes of 8 CPUs and 2 GPUs. 20000 + 12345 % 10000 is the port.
JOB = {
    "SLURM_JOB_ID": "12345",
    "SLURM_NNODES": "3",
    "SLURM_CPUS_PER_TASK": "8",
    "SLURM_GPUS_ON_NODE": "2",
    "SLURMD_NODENAME": "node1",
}
ADDRESS = "10.0.0.5:22345"
#: Ray and srun stay until they are ended, and note it; Ray's token is written as Ray does.
_STAYS = 'trap "exit 0" TERM\necho $$ >> "$HOME/pids"\nfor _ in {1..600}; do sleep 0.1; done\n'
_RAY = f"""
case $1 in
    get-auth-token) mkdir -p ~/.ray; [ -s ~/.ray/auth_token ] || printf 0123456789 > ~/.ray/auth_token ;;
    health-check) [ -s "$HOME/pids" ] ;;
    start) echo "$RAY_AUTH_MODE" >> "$HOME/modes"; {_STAYS} ;;
esac
"""
_HOSTNAME = "[ $# = 0 ] && echo node1 || echo 127.0.1.1 fe80::1 10.0.0.5\n"


Batch = Callable[..., tuple[Fakes, subprocess.Popen[str]]]


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    """Starts the script as Slurm does: `batch(search, programs, settings)`, where `search` is what kotune does."""
    started: list[subprocess.Popen[str]] = []
    fakes = Fakes(tmp_path, {"ray": _RAY, "srun": _STAYS, "hostname": _HOSTNAME})
    activate = tmp_path / "kotune" / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.write_text("")

    def start(
        search: str, programs: Mapping[str, str] | None = None, settings: Mapping[str, str] | None = None
    ) -> tuple[Fakes, subprocess.Popen[str]]:
        fakes.add({"python": search, **(programs or {})})
        command = ["bash", str(ROOT / SLURM), "tune", "kobart", "--storage", "runs", "--slots", "1:4"]
        environment = {**fakes.environment, **JOB, "SLURM_SUBMIT_DIR": str(tmp_path / "kotune"), **(settings or {})}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=environment, start_new_session=True, **pipes))
        return fakes, started[-1]

    yield start
    for job in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)  # what a script that forgets to end it would leave


def gone(fakes: Fakes) -> bool:
    """Whether nothing runs any more of what was to stay until it is ended."""
    pids = [int(pid) for pid in (fakes.home / "pids").read_text().split()]
    return bool(pids) and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_ray_is_there_for_the_search_and_no_longer(batch: Batch) -> None:
    """Head, workers, search; its exit code is the job's; then everything is ended."""
    fakes, job = batch("sleep 0.5; exit 3")
    said, _ = job.communicate(timeout=60)
    assert job.returncode == 3, said
    assert gone(fakes)
    head = next(call for call in fakes.calls if call[:2] == ["ray", "start"])
    assert {"--head", "--node-ip-address=10.0.0.5", "--port=22345", "--num-cpus=8", "--num-gpus=2"} <= {*head}
    workers = next(call for call in fakes.calls if call[0] == "srun")
    assert {"--nodes=2", "--ntasks=2", "--exclude=node1", ADDRESS} <= {*workers}
    searches = [" ".join(call) for call in fakes.calls if call[0] == "python"]
    assert searches == [f"python cli.py tune kobart --storage runs --slots 1:4 --address {ADDRESS}"]


@pytest.mark.parametrize("there", [False, True])
def test_the_token_is_asked_for_and_private(batch: Batch, tmp_path: Path, there: bool) -> None:
    """Ray is started in token mode; the token is its owner's alone, also one that was there and open."""
    token = tmp_path / "home" / ".ray" / "auth_token"
    if there:
        token.parent.mkdir()
        token.write_text("theirs")
        token.chmod(0o644)
    fakes, job = batch("exit 0")
    job.communicate(timeout=60)
    assert (fakes.home / "modes").read_text() == "token\n"
    assert token.read_text() == ("theirs" if there else "0123456789")
    assert token.stat().st_mode & 0o777 == 0o600


def test_a_token_elsewhere_is_left_alone(batch: Batch) -> None:
    """Where home is not shared, the user says which file is."""
    fakes, job = batch("exit 0", settings={"RAY_AUTH_TOKEN_PATH": "/shared/token"})
    job.communicate(timeout=60)
    assert (fakes.home / "modes").read_text() == "token\n"
    assert not (fakes.home / ".ray").exists()


def test_sigterm_reaches_the_search_and_is_waited_for(batch: Batch) -> None:
    """Slurm's, two minutes before the end: kotune saves, and the job ends with its exit code."""
    saves = 'trap "sleep 0.5; touch $HOME/saved; exit 130" TERM\n'
    fakes, job = batch(f'{saves}touch "$HOME/searching"\nwhile true; do sleep 0.1; done\n')
    deadline = time.monotonic() + 60
    while not (fakes.home / "searching").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGTERM)
    said, _ = job.communicate(timeout=60)
    assert job.returncode == 130, said
    assert (fakes.home / "saved").exists()
    assert gone(fakes)


def test_one_node_needs_no_srun(batch: Batch) -> None:
    """The head searches too."""
    fakes, job = batch("exit 0", settings={"SLURM_NNODES": "1"})
    job.communicate(timeout=60)
    assert job.returncode == 0
    assert "srun" not in {call[0] for call in fakes.calls}


def test_a_ray_that_does_not_start_ends_the_job(batch: Batch) -> None:
    """Nobody waits for it until the time is up."""
    fakes, job = batch("exit 0", {"ray": _RAY.replace("start)", "start) exit 1 ;; never)")})
    job.communicate(timeout=60)
    assert job.returncode == 1
    assert "python" not in {call[0] for call in fakes.calls}


def test_a_node_without_an_address_says_so(batch: Batch) -> None:
    """127.0.0.1 would be every node's own."""
    _, job = batch("exit 0", {"hostname": "[ $# = 0 ] && echo node1 || echo 127.0.1.1"})
    said, _ = job.communicate(timeout=60)
    assert job.returncode == 1
    assert "node1 has no address" in said
