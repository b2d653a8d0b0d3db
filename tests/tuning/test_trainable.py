"""How often a trial may lose its slot."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainables.training.test_checkpoints import saved
from trainables.slots.slot import SlotLost
from tuning import trainable
from tuning.studies.attempts import count_attempt
from tuning.trainable import SlotTrainable


def job(folder: Path) -> dict[str, Any]:
    """What is read of a job."""
    return {"folder": str(folder), "decided_epoch": 0.0}


def test_slots_that_brought_a_trial_no_further_are_counted(tmp_path: Path) -> None:
    """A checkpoint in between begins anew, and says up to where the search has decided."""
    counts = [count_attempt(job(tmp_path), "run", "a", {"a"})[1] for _ in range(3)]
    assert counts == [1, 2, 3]
    saved(tmp_path / "checkpoints", 20)
    told, count = count_attempt(job(tmp_path), "run", "a", {"a"})
    assert (told["decided_epoch"], count) == (2.0, 1)


def test_a_machine_that_went_is_not_counted(tmp_path: Path) -> None:
    """It is no fault of the trial."""
    counts = [count_attempt(job(tmp_path), "run", "a", {"a"})[1], count_attempt(job(tmp_path), "run", "b", {"b"})[1]]
    assert counts == [1, 1]
    assert count_attempt(job(tmp_path), "run", "b", {"b"})[1] == 2


def test_a_first_slot_believes_what_the_search_knows(tmp_path: Path) -> None:
    """A checkpoint that no result is known of would leave a gap."""
    saved(tmp_path / "checkpoints", 20)
    told, count = count_attempt(job(tmp_path), "run", "a", {"a"})
    assert (told["decided_epoch"], count) == (0.0, 1)


def test_a_damaged_count_begins_anew(tmp_path: Path) -> None:
    """As at a first slot."""
    (tmp_path / "attempts.json").write_text('{"st')
    assert count_attempt(job(tmp_path), "run", "a", {"a"})[1] == 1


def test_a_slot_that_is_lost_before_it_began_is_told_by_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray does not end an actor whose construction fails while a thread is at work in it, and Tune waits for it."""

    class Lost:
        def __init__(self, *given: Any) -> None: ...

        def post(self, job: dict[str, Any]) -> None:
            raise SlotLost("its mailbox is gone")

    monkeypatch.setattr(SlotTrainable, "slot_class", Lost)
    owner = object.__new__(SlotTrainable)
    owner._slot, owner._lost, owner._failure = None, None, ""
    owner._trial_info = None
    owner._lock, owner._resting = threading.Lock(), threading.Event()
    owner._begin(
        {"workers": 1, "cpus": 1, "gpus": 0, "folder": "", "hang": 1, "warned": False}, {"metric": "loss", "folder": ""}
    )
    with pytest.raises(SlotLost):
        owner.step()


class Quick:
    """A slot that answers at once."""

    name = "quick"

    def __init__(self, results: list[dict[str, Any]]) -> None:
        self.results, self.said = results, list[str]()

    def next_result(self) -> dict[str, Any]:
        return self.results.pop(0)

    def decide(self, go_on: bool) -> None:
        self.said.append("go on" if go_on else "stop")

    def close(self, seconds: float) -> None:
        self.said.append("closed")


def owner_of(slot: Quick, folder: str = "/nowhere") -> Any:
    """Who owns it, without Ray."""
    owner = object.__new__(SlotTrainable)
    owner._slot, owner._lost, owner._failure, owner._undecided = slot, None, "", False  # type: ignore[assignment]
    owner._lock, owner._resting, owner._metric, owner._folder = threading.Lock(), threading.Event(), "loss", folder
    return owner


def test_a_slot_without_a_trial_gives_its_place_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that the search left undecided stops its trial first; whoever comes back too late has lost it."""
    monkeypatch.setattr(trainable, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr(trainable, "UNDECIDED_SECONDS", 0.05)
    for last, said in ((True, ["closed"]), (False, ["stop", "closed"])):
        slot = Quick([{"last": last, "metrics": {"loss": 1.0}}])
        owner = owner_of(slot)
        owner.step()
        time.sleep(0.3)
        assert slot.said == said
        with pytest.raises(SlotLost, match="nothing was decided"):
            owner.step()


def test_a_slot_whose_trial_was_stopped_gives_its_place_to_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody tells it but the trial's record; as long as that says "running", a decision may come."""
    monkeypatch.setattr(trainable, "IDLE_SECONDS", 0.1)
    slot, record = Quick([{"last": False, "metrics": {"loss": 1.0}}]), tmp_path / "trial.json"
    record.write_text('{"status": "running"}')
    owner_of(slot, str(tmp_path)).step()
    time.sleep(0.5)
    assert slot.said == []
    record.write_text('{"status": "pruned"}')
    time.sleep(0.5)
    assert slot.said == ["stop", "closed"]


def test_a_slot_at_work_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is asked."""
    monkeypatch.setattr(trainable, "UNDECIDED_SECONDS", 0.2)
    slot = Quick([{"last": False, "metrics": {"loss": 1.0}} for _ in range(5)])
    owner = owner_of(slot)
    for _ in range(5):
        owner.step()
        time.sleep(0.1)
    assert slot.said == ["go on"] * 4
