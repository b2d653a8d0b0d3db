"""Counts the slots of a trial in its folder, so that a trial that loses slot after slot is given up."""

from __future__ import annotations

import contextlib

import msgspec

from foundation import buckets
from foundation.checked_json import decode_json, plain
from foundation.errors import UserError
from trainables.training import checkpoints
from trainables.training.job import Job

#: How many times a trial may lose its slot without a checkpoint in between, on machines that are still alive.
MAX_SLOTS = 5

#: The file of the count, in the trial's folder.
ATTEMPTS = "attempts.json"


class Attempts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The slots of a trial so far.

    Args:
        run: Tune's id of the trial, a new one each time that the searcher proposes the trial.
        slots: how many slots have started to work on the trial.
        step: the newest checkpoint when the last slot started; 0 without one.
        count: slots in a row that started at this step.
        node: id of the machine of the last slot.
    """

    run: str
    slots: int
    step: int
    count: int
    node: str


def read_attempts(folder: str) -> Attempts | None:
    """Returns the count in a trial's folder; None before the first slot, or if the file is damaged."""
    file = buckets.join(folder, ATTEMPTS)
    try:
        return decode_json(buckets.read(file) or b"", Attempts, file, todo="")
    except (OSError, UserError):
        return None


def count_attempt(job: Job, run: str, node: str, alive: set[str]) -> tuple[Job, int]:
    """Counts a slot that starts to work on a trial.

    Returns the job, and how many slots in a row, with this one, have not taken the trial further. A slot whose machine
    is gone does not count.

    Args:
        run: Tune's id of the trial.
        node: id of the machine of this slot.
        alive: ids of the machines that are alive.
    """
    newest = checkpoints.newest_resumable(buckets.join(job.folder, "checkpoints"))
    step, before = newest.step if newest else 0, read_attempts(job.folder)
    count = 0
    if before is not None and before.run == run:
        # A checkpoint is written only after the scheduler has decided to continue.
        decided = max(job.decided_epoch, newest.evaluated if newest else 0.0)
        job = msgspec.structs.replace(job, decided_epoch=decided)
        count = before.count if before.step == step else 0
        if before.node not in alive:
            count = max(0, count - 1)
    attempts = Attempts(run=run, slots=(before.slots if before else 0) + 1, step=step, count=count + 1, node=node)
    with contextlib.suppress(OSError):  # the next write of the trial reports a full disk
        buckets.write_json(buckets.join(job.folder, ATTEMPTS), plain(attempts))
    return job, count + 1
