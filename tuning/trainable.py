"""The Tune actor that owns a slot: it costs next to nothing and is reused from trial to trial."""

from __future__ import annotations

import os
from typing import Any

from ray.tune import Trainable

from trainables.slot import Shape, Slot

#: Seconds that a slot is given to leave; Tune ends it afterwards.
CLOSE_SECONDS = 5.0


class SlotTrainable(Trainable):  # type: ignore[misc]
    """`step` returns the next result of the trial; calling it again says "go on", a reset says "stop"."""

    def setup(self, config: dict[str, Any]) -> None:
        given = config["slot"]
        shape = Shape(given["workers"], given["cpus"], given["gpus"])
        self._slot = Slot(shape, given["folder"], f"slot-{os.getpid()}-{self.trial_id}")
        self._metric = ""
        self._begin(config["job"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config["job"])
        return True

    def _begin(self, job: dict[str, Any]) -> None:
        self._metric, self._undecided = job["metric"], False
        self._slot.post(job)

    def step(self) -> dict[str, Any]:
        if self._undecided:
            self._slot.decide(True)
        result = self._slot.next_result()
        self._undecided = not result["last"]
        told = {**result, "slot": self._slot.name, "done": result["last"]}
        if not result.get("failure"):
            told["objective"] = result["metrics"][self._metric]
        return told

    def cleanup(self) -> None:
        if self._undecided:  # the search stopped the trial at its report, and the slot only after it
            self._slot.decide(False)
        self._slot.close(CLOSE_SECONDS)
