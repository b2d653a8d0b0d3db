"""The Tune actor that owns a slot. It needs almost no resources, and Tune reuses it from trial to trial."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import msgspec
import ray
from ray.tune import Trainable

from foundation import buckets
from foundation.checked_json import decode_json
from foundation.durable import StorageLost, retry_on_storage_error
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from trainables.slots.messages import (
    Failed,
    FailureKind,
    Message,
    Saved,
    TrialConfig,
    TuneTrialConfig,
    from_tune_config,
    to_tune_result,
)
from trainables.slots.slot import Slot, SlotLost, alive_nodes
from trainables.training.reports import Decision
from tuning.studies.attempts import MAX_SLOTS, count_attempt
from tuning.studies.records import RECORD

#: Seconds that a slot has to end; then Tune kills it.
CLOSE_SECONDS = 5.0

#: Seconds in which Tune notices that the search ends.
_NOTICE_SECONDS = 1.0

#: Seconds that a slot stays warm without a trial.
IDLE_SECONDS = 10.0

#: Seconds that a slot waits for a decision on its trial: the search may wait for a storage that is away.
UNDECIDED_SECONDS = 120.0

#: The entry of Tune's checkpoint of a paused trial that holds its failure.
_FAILURE = "failure"


class SlotTrainable(Trainable):  # type: ignore[misc]
    """Owns a slot. `step` returns the next message of the trial.

    If Tune calls `step` again after a report, the trial continues; if it calls `reset_config` instead, the trial stops.
    """

    #: The class of the slot; a benchmark uses another one.
    slot_class: type[Slot] = Slot

    def setup(self, config: TuneTrialConfig) -> None:
        self._slot: Slot | None = None
        self._slot_lost: SlotLost | None = None
        self._failure: Message | None = None  # the next message of a trial that does not run
        self._undecided = False
        self._lock, self._awake = threading.Lock(), threading.Event()
        trial = from_tune_config(config)
        node, alive = ray.get_runtime_context().get_node_id(), alive_nodes()
        try:
            count = partial(count_attempt, trial.job, self.trial_id, node, alive)
            job, attempts = retry_on_storage_error(count, "what a trial saved", verb="read")
        except StorageLost as error:
            self._failure = Message(Failed(str(error), FailureKind.STORAGE))
            return
        if attempts > MAX_SLOTS:
            reason = f"its slot was lost {attempts - 1} times without a checkpoint in between"
            self._failure = Message(Failed(reason))
            return
        self._submit(TrialConfig(job, trial.slot))

    def reset_config(self, new_config: TuneTrialConfig) -> bool:
        self._wake()
        self._failure = None
        self._submit(from_tune_config(new_config))
        return True

    def _submit(self, trial: TrialConfig) -> None:
        if self._slot is None:
            self._slot = self.slot_class(trial.slot, f"slot-{os.getpid()}-{self.trial_id}")
        self._folder, self._undecided = trial.job.folder, False
        try:
            self._slot.submit(trial.job)
        except SlotLost as error:
            # `step` raises it. Ray never ends an actor whose constructor fails while a thread of a slot runs in it,
            # and Tune waits for such an actor; and Tune retries only trials that have started.
            self._slot_lost = error

    def step(self) -> dict[str, object]:
        self._wake()
        if self._slot_lost is not None:
            raise self._slot_lost
        if self._failure is not None:
            self._close_slot_later(IDLE_SECONDS)
            return to_tune_result(self._failure)
        if self._slot is None:
            raise SlotLost(f"nothing was decided for {UNDECIDED_SECONDS:g} s")
        if self._undecided:
            self._slot.answer(Decision.CONTINUE)
        message = replace(self._slot.next_message(), slot=self._slot.name)
        self._undecided = not message.last
        if isinstance(message.event, Saved):  # Tune is about to notice the end, and then calls no other step
            time.sleep(_NOTICE_SECONDS)
        self._close_slot_later(IDLE_SECONDS if message.last else UNDECIDED_SECONDS)
        return to_tune_result(message)

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, object]:
        """The scheduler pauses the trial: its workers save it in its folder.

        Returns:
            The failure of the trial if it could not be saved; else nothing.
        """
        self._wake()
        if self._slot is None or not self._undecided:
            return {}
        self._slot.answer(Decision.INTERRUPT)
        message = replace(self._slot.next_message(), slot=self._slot.name)
        self._undecided = False
        self._close_slot_later(IDLE_SECONDS)
        return {_FAILURE: message} if isinstance(message.event, Failed) else {}

    def load_checkpoint(self, checkpoint: Mapping[str, object] | None) -> None:
        """A paused trial continues from its newest checkpoint, which its workers load; one that failed ends."""
        message = (checkpoint or {}).get(_FAILURE)
        assert message is None or isinstance(message, Message)
        self._failure = message or self._failure

    def _close_slot_later(self, seconds: float) -> None:
        """Closes the slot, so that others can use its resources, unless `_wake` is called within `seconds`."""
        self._awake = awake = threading.Event()

        def close() -> None:
            waited = 0.0
            while not awake.wait(min(IDLE_SECONDS, seconds - waited)):
                waited += IDLE_SECONDS
                # Tune tells a slot that its trial was stopped only with its next trial, if there is one.
                if waited >= seconds or _has_ended(self._folder):
                    break
            with self._lock:
                if not awake.is_set():
                    self.cleanup()
                    self._slot = None

        threading.Thread(target=close, daemon=True).start()

    def _wake(self) -> None:
        with self._lock:
            self._awake.set()

    def cleanup(self) -> None:
        if self._slot is None:
            return
        if self._undecided:  # the scheduler stopped the trial at its report, and the slot is told only now
            with contextlib.suppress(SlotLost):
                self._slot.answer(Decision.STOP)
        self._slot.close(CLOSE_SECONDS)


class _RecordStatus(msgspec.Struct):
    """The one field of a trial's record that a slot reads."""

    status: TrialStatus = TrialStatus.RUNNING


def _has_ended(folder: str) -> bool:
    """Whether the record in a trial's folder says that the trial has ended."""
    path = buckets.join(folder, RECORD)
    try:
        record = decode_json(buckets.read(path) or b"{}", _RecordStatus, path, todo="")
    except (OSError, UserError):  # a decision may still come
        return False
    return record.status is not TrialStatus.RUNNING
