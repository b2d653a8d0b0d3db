"""The owner of a slot: when it gives the slot up, and how it counts lost slots. Without Ray."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from tests.trainables.slots.scenes import a_job, a_report
from tests.trainables.training.test_checkpoints import saved
from trainables.slots.messages import (
    Evaluated,
    Failed,
    FailureKind,
    Message,
    Saved,
    TrialConfig,
    from_tune_result,
    to_tune_config,
)
from trainables.slots.settings import Shape, SlotSettings
from trainables.slots.slot import SlotLost
from trainables.training.job import Job
from trainables.training.reports import Decision
from tuning import trainable
from tuning.studies.attempts import ATTEMPTS, MAX_SLOTS, count_attempt, read_attempts
from tuning.trainable import SlotTrainable

SETTINGS = SlotSettings(Shape(1, 1.0, 0.0), folder="", hang=1.0)


class FakeSlot:
    """A slot that has its messages ready, and records what its owner does."""

    def __init__(self, messages: list[Message]) -> None:
        self.name, self.messages, self.calls = "slot", messages, list[str]()

    def submit(self, job: Job) -> None:
        self.calls.append(f"submit {job.trial_id}")

    def next_message(self) -> Message:
        return self.messages.pop(0)

    def answer(self, decision: Decision) -> None:
        self.calls.append(decision.value)

    def close(self, seconds: float) -> None:
        self.calls.append("close")


@pytest.fixture
def owner_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], SlotTrainable]:
    """Returns the owner of a given slot, set up for a trial in `tmp_path`."""
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "node"))
    monkeypatch.setattr(trainable, "alive_nodes", lambda: {"node"})

    def make(slot: Any) -> SlotTrainable:
        monkeypatch.setattr(SlotTrainable, "slot_class", staticmethod(lambda settings, name: slot))
        return SlotTrainable(to_tune_config(TrialConfig(a_job(folder=str(tmp_path)), SETTINGS)))

    return make


def reports(*last: bool) -> list[Message]:
    """A message for each evaluation; says of each whether it is the last."""
    return [Message(Evaluated(a_report(number, end), 0.5)) for number, end in enumerate(last, 1)]


def test_slots_without_a_checkpoint_in_between_are_counted(tmp_path: Path) -> None:
    """A checkpoint in between restarts the count, and tells up to which epoch the scheduler has decided."""
    job = a_job(folder=str(tmp_path))
    counts = [count_attempt(job, "run", "a", {"a"})[1] for _ in range(3)]
    assert counts == [1, 2, 3]
    saved(tmp_path / "checkpoints", 20)
    decided, count = count_attempt(job, "run", "a", {"a"})
    assert (decided.decided_epoch, count) == (2.0, 1)
    attempts = read_attempts(str(tmp_path))
    assert attempts is not None
    assert attempts.slots == 4


def test_a_slot_lost_with_its_machine_is_not_counted(tmp_path: Path) -> None:
    """It is not the trial's fault."""
    job = a_job(folder=str(tmp_path))
    assert [count_attempt(job, "run", node, {node})[1] for node in ("a", "b", "b")] == [1, 1, 2]


def test_the_first_slot_of_a_run_ignores_checkpoints(tmp_path: Path) -> None:
    """A checkpoint whose result is in no record would leave a gap: the record decides."""
    saved(tmp_path / "checkpoints", 20)
    job, count = count_attempt(a_job(folder=str(tmp_path)), "run", "a", {"a"})
    assert (job.decided_epoch, count) == (0.0, 1)


def test_a_damaged_count_restarts(tmp_path: Path) -> None:
    """As if there had been no slot."""
    (tmp_path / ATTEMPTS).write_text('{"st')
    assert count_attempt(a_job(folder=str(tmp_path)), "run", "a", {"a"})[1] == 1


def test_the_count_of_version_1_is_read(tmp_path: Path) -> None:
    """The file's fields are part of the format of a study."""
    (tmp_path / ATTEMPTS).write_text('{"run": "run", "slots": 2, "step": 0, "count": 2, "node": "a"}')
    assert count_attempt(a_job(folder=str(tmp_path)), "run", "a", {"a"})[1] == 3


def test_a_trial_that_loses_every_slot_fails(owner_of: Callable[[Any], SlotTrainable], tmp_path: Path) -> None:
    """No further slot is started for it."""
    for _ in range(MAX_SLOTS):
        count_attempt(a_job(folder=str(tmp_path)), "default", "node", {"node"})
    slot = FakeSlot([])
    result = owner_of(slot).step()
    assert result["done"]
    message = from_tune_result(result)
    assert message == Message(Failed("its slot was lost 5 times without a checkpoint in between"))
    assert slot.calls == []


def test_a_slot_lost_before_it_started_is_reported_by_the_first_step(owner_of: Callable[[Any], SlotTrainable]) -> None:
    """Ray never ends an actor whose constructor fails while a thread runs in it, and Tune waits for such an actor."""

    class Lost(FakeSlot):
        def submit(self, job: Job) -> None:
            raise SlotLost("its mailbox is gone")

    owner = owner_of(Lost([]))
    with pytest.raises(SlotLost):
        owner.step()


def test_a_message_carries_the_name_of_its_slot(owner_of: Callable[[Any], SlotTrainable]) -> None:
    """The searcher counts worker groups by slot."""
    failed = Message(Failed("nan", FailureKind.TRIAL), groups=2)
    result = owner_of(FakeSlot([failed])).step()
    assert from_tune_result(result) == Message(failed.event, groups=2, slot="slot")
    assert result["done"]


def test_tune_has_time_to_notice_the_end(
    owner_of: Callable[[Any], SlotTrainable], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A saved trial is reported a moment later: Tune must not start the next one meanwhile."""
    waits: list[float] = []
    monkeypatch.setattr(trainable.time, "sleep", waits.append)
    owner_of(FakeSlot([Message(Saved())])).step()
    assert waits == [trainable._NOTICE_SECONDS]


def test_a_slot_without_a_trial_is_closed(
    owner_of: Callable[[Any], SlotTrainable], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot without a decision stops its trial first. A step that comes too late reports the slot as lost."""
    monkeypatch.setattr(trainable, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(trainable, "UNDECIDED_SECONDS", 0.05)
    for last, calls in ((True, ["close"]), (False, ["stop", "close"])):
        slot = FakeSlot(reports(last))
        owner = owner_of(slot)
        owner.step()
        time.sleep(0.3)
        assert slot.calls == ["submit trial-0", *calls]
        with pytest.raises(SlotLost, match="nothing was decided"):
            owner.step()


@pytest.mark.parametrize("config", ["{}", '{"max_grad_norm": Infinity}'])
def test_a_slot_whose_trial_was_pruned_is_closed(
    owner_of: Callable[[Any], SlotTrainable], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str
) -> None:
    """Only the trial's record tells the slot; while the record says "running", a decision may come.

    A value of the space may be infinite, and Python writes it as `Infinity`.
    """
    monkeypatch.setattr(trainable, "IDLE_SECONDS", 0.1)
    slot, record = FakeSlot(reports(False)), tmp_path / "trial.json"
    record.write_text('{"status": "running", "number": 0}')
    owner_of(slot).step()
    time.sleep(0.5)
    assert slot.calls == ["submit trial-0"]
    record.write_text('{"status": "pru')  # being written
    time.sleep(0.3)
    assert slot.calls == ["submit trial-0"]
    record.write_text(f'{{"status": "pruned", "number": 0, "config": {config}}}')
    time.sleep(0.5)
    assert slot.calls == ["submit trial-0", "stop", "close"]


def test_a_running_slot_stays(owner_of: Callable[[Any], SlotTrainable], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step within the limit restarts the clock, and decides to continue."""
    monkeypatch.setattr(trainable, "UNDECIDED_SECONDS", 0.2)
    slot = FakeSlot(reports(*[False] * 5))
    owner = owner_of(slot)
    for _ in range(5):
        owner.step()
        time.sleep(0.1)
    assert slot.calls == ["submit trial-0", *["continue"] * 4]


def test_the_next_trial_uses_the_same_slot(owner_of: Callable[[Any], SlotTrainable], tmp_path: Path) -> None:
    """Tune resets the owner between trials."""
    slot = FakeSlot(reports(True, True))
    owner = owner_of(slot)
    owner.step()
    job = a_job(trial_id="trial-1", folder=str(tmp_path))
    assert owner.reset_config(to_tune_config(TrialConfig(job, SETTINGS)))
    owner.step()
    assert slot.calls == ["submit trial-0", "submit trial-1"]


def test_a_paused_trial_is_saved_by_its_workers(owner_of: Callable[[Any], SlotTrainable]) -> None:
    """Its slot then trains another trial; the report before the pause needs no other decision."""
    slot = FakeSlot([*reports(False), Message(Saved()), *reports(True)])
    owner = owner_of(slot)
    owner.step()
    assert owner.save_checkpoint("") == {}
    assert slot.calls == ["submit trial-0", "interrupt"]
    assert owner.reset_config(to_tune_config(TrialConfig(a_job(trial_id="trial-1"), SETTINGS)))
    owner.step()
    owner.cleanup()
    assert slot.calls == ["submit trial-0", "interrupt", "submit trial-1", "close"]


def test_a_trial_that_fails_while_it_is_paused_has_failed(owner_of: Callable[[Any], SlotTrainable]) -> None:
    """Tune keeps the failure with the paused trial, and it is the trial's next message, in whatever slot."""
    failed = Message(Failed("the disk is full", FailureKind.STORAGE))
    first, second = FakeSlot([*reports(False), failed]), FakeSlot(reports(True))
    owner = owner_of(first)
    owner.step()
    checkpoint = owner.save_checkpoint("")
    other = owner_of(second)
    other.load_checkpoint(checkpoint)
    assert from_tune_result(other.step()) == Message(failed.event, slot="slot")
    other.reset_config(to_tune_config(TrialConfig(a_job(trial_id="trial-1"), SETTINGS)))
    assert from_tune_result(other.step()) == Message(reports(True)[0].event, slot="slot")


def test_a_slot_that_is_lost_at_a_pause_is_lost(owner_of: Callable[[Any], SlotTrainable]) -> None:
    """Tune then starts the trial again in another slot, as after any loss."""

    class Lost(FakeSlot):
        def answer(self, decision: Decision) -> None:
            raise SlotLost("its mailbox is gone")

    owner = owner_of(Lost(reports(False)))
    owner.step()
    with pytest.raises(SlotLost):
        owner.save_checkpoint("")
    owner.cleanup()
