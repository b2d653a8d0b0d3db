"""The Tune actor that owns a slot: it costs next to nothing and is reused from trial to trial."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import ray
from ray.tune import Trainable

from trainables import checkpoints
from trainables.durable import write_json
from trainables.slot import Shape, Slot, SlotLost, living_nodes

#: Seconds that a slot is given to leave; Tune ends it afterwards.
CLOSE_SECONDS = 5.0

#: How often a trial may lose its slot without a checkpoint in between, on machines that are still there.
MAX_SLOTS = 5

#: Where a trial's slots are counted, in its folder; a new sitting counts anew.
ATTEMPTS = "attempts.json"


class SlotTrainable(Trainable):  # type: ignore[misc]
    """`step` returns the next result of the trial; calling it again says "go on", a reset says "stop"."""

    def setup(self, config: dict[str, Any]) -> None:
        self._slot: Slot | None = None
        self._lost: SlotLost | None = None
        self._undecided = False
        self._failure = ""
        job, lost = count_attempt(config["job"], ray.get_runtime_context().get_node_id(), living_nodes())
        if lost > MAX_SLOTS:
            self._failure = f"its slot was lost {lost - 1} times without a checkpoint in between"
            return
        self._begin(config["slot"], job)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._failure = ""
        self._begin(new_config["slot"], new_config["job"])
        return True

    def _begin(self, given: dict[str, Any], job: dict[str, Any]) -> None:
        if self._slot is None:
            shape = Shape(given["workers"], given["cpus"], given["gpus"])
            name = f"slot-{os.getpid()}-{self.trial_id}"
            self._slot = Slot(shape, given["folder"], name, given["hang"], given["warned"])
        self._metric, self._undecided = job["metric"], False
        try:
            self._slot.post(job)
        except SlotLost as error:
            # `step` raises it: an actor whose construction fails while a slot's thread is at work never ends in Ray,
            # and Tune waits for it; and Tune goes on with those trials only that had begun.
            self._lost = error

    def step(self) -> dict[str, Any]:
        if self._lost is not None:
            raise self._lost
        if self._failure or self._slot is None:
            return {"failure": self._failure, "last": True, "done": True}
        if self._undecided:
            self._slot.decide(True)
        result = self._slot.next_result()
        self._undecided = not result["last"]
        told = {**result, "slot": self._slot.name, "done": result["last"]}
        if not result.get("failure"):
            told["objective"] = result["metrics"][self._metric]
        return told

    def cleanup(self) -> None:
        if self._slot is None:
            return
        if self._undecided:  # the search stopped the trial at its report, and the slot only after it
            with contextlib.suppress(SlotLost):
                self._slot.decide(False)
        self._slot.close(CLOSE_SECONDS)


def count_attempt(job: dict[str, Any], node: str, alive: set[str]) -> tuple[dict[str, Any], int]:
    """Count a slot for a trial that starts, or that lost its last one; answers the job, and how many it had.

    Only those are counted that brought it no further; one whose machine is gone is not.
    """
    file = Path(job["folder"]) / ATTEMPTS
    newest = checkpoints.newest_resumable(Path(job["folder"]) / "checkpoints")
    step = newest.step if newest else 0
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {"step": step, "count": 0, "node": node}
    else:
        # It was saved after the search had said "go on".
        job = {**job, "decided_epoch": max(job.get("decided_epoch", 0.0), newest.evaluated if newest else 0.0)}
    count = before["count"] if before["step"] == step else 0
    if before["node"] not in alive:
        count = max(0, count - 1)
    with contextlib.suppress(OSError):  # a full disk is told of by whoever has more to write
        write_json(file, {"step": step, "count": count + 1, "node": node})
    return job, count + 1
