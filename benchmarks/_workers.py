"""Runs one command as several workers on this machine, connected by gloo."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from benchmarks._programs import free_port


def run_workers(command: Sequence[str], workers: int) -> list[str]:
    """Runs `command` once per worker at the same time; returns the standard output of each, rank 0 first.

    Raises:
        RuntimeError: a worker failed.
    """
    port = free_port()
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environment(rank, workers, port))
        for rank in range(workers)
    ]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"one of {workers} workers failed: {' '.join(command)}")
    return outputs


def _environment(rank: int, workers: int, port: int) -> dict[str, str]:
    """Returns the variables that a launcher such as torchrun sets; none of them for a single worker."""
    extra = {**os.environ, "OMP_NUM_THREADS": "1"}
    if workers == 1:
        return extra
    launch = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": workers, "LOCAL_WORLD_SIZE": workers}
    return {
        **extra,
        **{key: str(value) for key, value in launch.items()},
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
