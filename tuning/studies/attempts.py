"""How many slots a trial had, counted in its folder: one that loses them again and again is given up."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from foundation import buckets
from trainables.training import checkpoints

#: How often a trial may lose its slot without a checkpoint in between, on machines that are still there.
MAX_SLOTS = 5

#: Where a trial's slots are counted, in its folder; whoever proposes it anew counts anew.
ATTEMPTS = "attempts.json"


def slots_begun(job: dict[str, Any]) -> dict[str, Any]:
    """What is kept of the slots that a trial had; empty before the first, or where it cannot be read."""
    try:
        known = json.loads(buckets.read(buckets.join(job["folder"], ATTEMPTS)) or b"{}")
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def count_attempt(job: dict[str, Any], run: str, node: str, alive: set[str]) -> tuple[dict[str, Any], int]:
    """Count a slot for a trial that starts, or that lost its last one; answers the job, and how many it had.

    Only those are counted that brought it no further; one whose machine is gone is not.

    Args:
        run: Tune's name of the trial, another one each time that the search proposes it.
    """
    newest = checkpoints.newest_resumable(buckets.join(job["folder"], "checkpoints"))
    step, before = newest.step if newest else 0, slots_begun(job)
    slots = before.get("slots", 0) + 1
    if before.get("run") != run:
        before = {"step": step, "count": 0, "node": node}
    else:
        # It was saved after the search had said "go on".
        job = {**job, "decided_epoch": max(job.get("decided_epoch", 0.0), newest.evaluated if newest else 0.0)}
    count = before["count"] if before["step"] == step else 0
    if before["node"] not in alive:
        count = max(0, count - 1)
    with contextlib.suppress(OSError):  # a full disk is told of by whoever has more to write
        kept = {"run": run, "slots": slots, "step": step, "count": count + 1, "node": node}
        buckets.write_json(buckets.join(job["folder"], ATTEMPTS), kept)
    return job, count + 1
