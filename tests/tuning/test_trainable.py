"""How often a trial may lose its slot."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainables.test_checkpoints import saved
from trainables.slot import SlotLost
from tuning.trainable import SlotTrainable, count_attempt


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
    owner._begin({"workers": 1, "cpus": 1, "gpus": 0, "folder": "", "hang": 1, "warned": False}, {"metric": "loss"})
    with pytest.raises(SlotLost):
        owner.step()
