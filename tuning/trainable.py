"""The Tune actor that owns a slot: it costs next to nothing and is reused from trial to trial."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from functools import partial
from typing import Any

import ray
from ray.tune import Trainable

from foundation import buckets
from foundation.durable import StorageLost, retry_on_storage_error
from foundation.statuses import TrialStatus
from trainables.slots.mailbox import STORAGE
from trainables.slots.slot import Shape, Slot, SlotLost, alive_nodes
from tuning.studies.attempts import MAX_SLOTS, count_attempt
from tuning.studies.records import RECORD

#: Seconds that a slot is given to leave; Tune ends it afterwards.
CLOSE_SECONDS = 5.0

#: Seconds within which Tune has heard that the search ends.
_HEARD_SECONDS = 1.0

#: Seconds that a slot stays warm without a trial, and without a decision on one: the search may wait for a storage.
IDLE_SECONDS, UNDECIDED_SECONDS = 10.0, 120.0


class SlotTrainable(Trainable):  # type: ignore[misc]
    """`step` returns the next result of the trial; calling it again says "go on", a reset says "stop"."""

    #: What a slot is; a benchmark has another.
    slot_class: type[Slot] = Slot

    def setup(self, config: dict[str, Any]) -> None:
        self._slot: Slot | None = None
        self._lost: SlotLost | None = None
        self._undecided = False
        self._failure = self._kind = ""
        self._lock, self._resting = threading.Lock(), threading.Event()
        node, alive = ray.get_runtime_context().get_node_id(), alive_nodes()
        try:
            count = partial(count_attempt, config["job"], self.trial_id, node, alive)
            job, lost = retry_on_storage_error(count, "what a trial saved", verb="read")
        except StorageLost as error:
            self._failure, self._kind = str(error), STORAGE
            return
        if lost > MAX_SLOTS:
            self._failure = f"its slot was lost {lost - 1} times without a checkpoint in between"
            return
        self._begin(config["slot"], job)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._wake()
        self._failure = self._kind = ""
        self._begin(new_config["slot"], new_config["job"])
        return True

    def _begin(self, given: dict[str, Any], job: dict[str, Any]) -> None:
        if self._slot is None:
            shape = Shape(given["workers"], given["cpus"], given["gpus"])
            name = f"slot-{os.getpid()}-{self.trial_id}"
            self._slot = self.slot_class(shape, given["folder"], name, given["hang"], given["warned"])
        self._metric, self._folder, self._undecided = job["metric"], job["folder"], False
        try:
            self._slot.post(job)
        except SlotLost as error:
            # `step` raises it: an actor whose construction fails while a slot's thread is at work never ends in Ray,
            # and Tune waits for it; and Tune goes on with those trials only that had begun.
            self._lost = error

    def step(self) -> dict[str, Any]:
        self._wake()
        if self._lost is not None:
            raise self._lost
        if self._failure:
            return {"failure": self._failure, "kind": self._kind, "last": True, "done": True}
        if self._slot is None:
            raise SlotLost(f"nothing was decided for {UNDECIDED_SECONDS:g} s")
        if self._undecided:
            self._slot.decide(True)
        result = self._slot.next_result()
        self._undecided = not result["last"]
        told = {**result, "slot": self._slot.name, "done": result["last"]}
        if result.get("left"):  # Tune is about to hear of the end, and asks nothing more then
            time.sleep(_HEARD_SECONDS)
        if "metrics" in result:
            told["objective"] = result["metrics"][self._metric]
        self._rest(IDLE_SECONDS if result["last"] else UNDECIDED_SECONDS)
        return told

    def _rest(self, seconds: float) -> None:
        """Give the slot's place to others if nobody comes back to it."""
        self._resting = resting = threading.Event()

        def close() -> None:
            waited = 0.0
            while not resting.wait(min(IDLE_SECONDS, seconds - waited)):
                waited += IDLE_SECONDS
                if waited >= seconds or self._was_stopped():
                    break
            with self._lock:
                if not resting.is_set():
                    self.cleanup()
                    self._slot = None

        threading.Thread(target=close, daemon=True).start()

    def _was_stopped(self) -> bool:
        """Whether the search has ended the trial: Tune tells the slot only with its next trial, if there is one."""
        try:
            known = json.loads(buckets.read(buckets.join(self._folder, RECORD)) or b"{}")
            return bool(known.get("status", TrialStatus.RUNNING) != TrialStatus.RUNNING)
        except (OSError, ValueError, AttributeError):  # it is waited for
            return False

    def _wake(self) -> None:
        with self._lock:
            self._resting.set()

    def cleanup(self) -> None:
        if self._slot is None:
            return
        if self._undecided:  # the search stopped the trial at its report, and the slot only after it
            with contextlib.suppress(SlotLost):
                self._slot.decide(False)
        self._slot.close(CLOSE_SECONDS)
