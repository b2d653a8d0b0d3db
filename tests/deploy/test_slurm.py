"""The Slurm script, run with fake programs for Slurm, Ray and kotune."""

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

#: A Slurm job with id 12345 on nodes of 8 CPUs and 2 GPUs. 20000 + 12345 % 10000 is the port.
JOB = {
    "SLURM_JOB_ID": "12345",
    "SLURM_NNODES": "3",
    "SLURM_CPUS_PER_TASK": "8",
    "SLURM_GPUS_ON_NODE": "2",
    "SLURMD_NODENAME": "node1",
}
ADDRESS = "10.0.0.5:22345"
#: Ray and srun run until they are killed, and record their pids; the fake Ray writes a token as Ray does.
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
    """Starts the script as Slurm does: `batch(search, programs, settings)`; `search` is the fake kotune's code."""
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
            os.killpg(job.pid, signal.SIGKILL)  # processes that the script did not end


def ended(fakes: Fakes) -> bool:
    """Whether all fake Ray and srun processes have ended."""
    pids = [int(pid) for pid in (fakes.home / "pids").read_text().split()]
    return bool(pids) and not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_ray_runs_during_the_search_only(batch: Batch) -> None:
    """Starts head, workers and search; the job has the exit code of the search; all processes end."""
    fakes, job = batch("sleep 0.5; exit 3")
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 3, output
    assert ended(fakes)
    head = next(call for call in fakes.calls if call[:2] == ["ray", "start"])
    assert {"--head", "--node-ip-address=10.0.0.5", "--port=22345", "--num-cpus=8", "--num-gpus=2"} <= {*head}
    workers = next(call for call in fakes.calls if call[0] == "srun")
    assert {"--nodes=2", "--ntasks=2", "--exclude=node1", ADDRESS} <= {*workers}
    searches = [" ".join(call) for call in fakes.calls if call[0] == "python"]
    assert searches == [f"python cli.py tune kobart --storage runs --slots 1:4 --address {ADDRESS}"]


@pytest.mark.parametrize("exists", [False, True])
def test_the_token_is_required_and_private(batch: Batch, tmp_path: Path, exists: bool) -> None:
    """Ray starts in token mode; the token is readable by its owner only, also if it existed with other permissions."""
    token = tmp_path / "home" / ".ray" / "auth_token"
    if exists:
        token.parent.mkdir()
        token.write_text("existing")
        token.chmod(0o644)
    fakes, job = batch("exit 0")
    job.communicate(timeout=60)
    assert (fakes.home / "modes").read_text() == "token\n"
    assert token.read_text() == ("existing" if exists else "0123456789")
    assert token.stat().st_mode & 0o777 == 0o600


def test_a_token_in_another_file_is_not_changed(batch: Batch) -> None:
    """RAY_AUTH_TOKEN_PATH names it, if the nodes do not share the home folder."""
    fakes, job = batch("exit 0", settings={"RAY_AUTH_TOKEN_PATH": "/shared/token"})
    job.communicate(timeout=60)
    assert (fakes.home / "modes").read_text() == "token\n"
    assert not (fakes.home / ".ray").exists()


def test_sigterm_reaches_the_search(batch: Batch) -> None:
    """Slurm sends it two minutes before the limit: kotune saves, and the job ends with its exit code."""
    saves = 'trap "sleep 0.5; touch $HOME/saved; exit 130" TERM\n'
    fakes, job = batch(f'{saves}touch "$HOME/searching"\nwhile true; do sleep 0.1; done\n')
    deadline = time.monotonic() + 60
    while not (fakes.home / "searching").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(job.pid, signal.SIGTERM)
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 130, output
    assert (fakes.home / "saved").exists()
    assert ended(fakes)


def test_one_node_needs_no_srun(batch: Batch) -> None:
    """The head runs trials as well."""
    fakes, job = batch("exit 0", settings={"SLURM_NNODES": "1"})
    job.communicate(timeout=60)
    assert job.returncode == 0
    assert "srun" not in {call[0] for call in fakes.calls}


def test_the_job_fails_if_ray_does_not_start(batch: Batch) -> None:
    """It does not wait until the time limit."""
    fakes, job = batch("exit 0", {"ray": _RAY.replace("start)", "start) exit 1 ;; never)")})
    job.communicate(timeout=60)
    assert job.returncode == 1
    assert "python" not in {call[0] for call in fakes.calls}


def test_a_node_without_an_address_is_an_error(batch: Batch) -> None:
    """127.0.0.1 cannot be reached from other nodes."""
    _, job = batch("exit 0", {"hostname": "[ $# = 0 ] && echo node1 || echo 127.0.1.1"})
    output, _ = job.communicate(timeout=60)
    assert job.returncode == 1
    assert "node1 has no address" in output
