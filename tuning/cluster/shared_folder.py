"""Whether every machine of a cluster sees a folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from foundation.errors import first_line

#: What a task raises if its machine disappears.
_MACHINE_LOST = (ray.exceptions.NodeDiedError, ray.exceptions.TaskUnschedulableError, ray.exceptions.WorkerCrashedError)


def machines_without_folder(folder: Path, say: Callable[[str], None], seconds: float = 60.0) -> list[str]:
    """Returns the addresses of machines that do not see what this machine writes into `folder`, with causes.

    Args:
        say: shows a line to the user: which machines did not answer.
        seconds: how long to wait for all answers.
    """
    this_node = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != this_node]
    if not others:
        return []
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(prefix=".seen-", dir=folder) as file:
            addresses = {_start_check(node["NodeID"], file.name): node["NodeManagerAddress"] for node in others}
            finished, pending = ray.wait(list(addresses), num_returns=len(addresses), timeout=seconds)
    finally:
        for part in missing:
            with contextlib.suppress(OSError):  # another study uses it meanwhile
                part.rmdir()
    if pending:
        silent = ", ".join(sorted(addresses[task] for task in pending))
        say(f"no answer in {seconds:g} s whether {folder} is visible on {silent}")
    causes = {addresses[task]: _cause(task) for task in finished}
    return sorted(f"{address}{cause}" for address, cause in causes.items() if cause is not None)


def _start_check(node: str, file: str) -> ray.ObjectRef:
    strategy = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(is_visible).options(scheduling_strategy=strategy).remote(file)


def _cause(task: ray.ObjectRef) -> str | None:
    """Text after the address of a machine that does not see the file; None for one that sees it, or is lost."""
    try:
        return None if ray.get(task) else ""
    except _MACHINE_LOST:
        return None
    except ray.exceptions.RayError as error:
        return f" ({first_line(error)})"


def is_visible(file: str, seconds: float = 5.0) -> bool:
    """Whether this machine sees a file within `seconds`: a shared folder may show new files late."""
    end = time.monotonic() + seconds
    while not (visible := os.path.isfile(file)) and time.monotonic() < end:
        time.sleep(0.2)
    return visible
