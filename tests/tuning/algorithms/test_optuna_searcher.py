"""What the searcher proposes, and what it does with the messages of trials."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from ray import cloudpickle

from foundation.durable import StorageLost
from search_spaces.draft import from_dict
from tests.trainables.slots.scenes import WORKER, a_job
from tests.tuning.algorithms.sessions import SETTINGS, SPACE, Session, result
from trainables.slots.messages import (
    Failed,
    FailureKind,
    Saved,
    from_tune_config,
    from_tune_result,
)
from trainables.training.job import Job
from tuning.algorithms import samplers
from tuning.studies.attempts import MAX_SLOTS


def test_a_trial_that_fits_into_no_memory_violates_a_constraint(tmp_path: Path) -> None:
    """The sampler avoids such trials; it would learn nothing from a failed one."""
    session = Session(tmp_path)
    record = session.begin("a")
    session.complete("a", Failed("does not fit", FailureKind.INFEASIBLE))
    (trial,) = session.optuna.trials
    assert (trial.state, trial.constraints) == (TrialState.PRUNED, {"memory": 1.0})
    assert (record.status, record.reason) == ("failed", "does not fit")
    assert Session(tmp_path).optuna.trials[0].constraints == {"memory": 1.0}
    sampler = samplers.ask(session.optuna, SPACE, 1).study.sampler
    assert isinstance(sampler, optuna.samplers.TPESampler)


def test_a_lost_storage_fails_no_trial(tmp_path: Path) -> None:
    """The study stops with the reason, and the trial continues when the study is resumed."""
    session = Session(tmp_path)
    record = session.begin("a")
    session.complete("a", Failed("the disk is full", FailureKind.STORAGE))
    assert record.status == "running"
    assert str(session.study.storage_error) == "the disk is full"


def test_a_saved_trial_continues_in_the_next_session(tmp_path: Path) -> None:
    """The session ends before the trial does."""
    session = Session(tmp_path)
    record = session.begin("a")
    session.complete("a", Saved())
    assert record.status == "running"
    assert Session(tmp_path).begin("b").trial_id == record.trial_id


def test_a_trial_that_ends_without_a_message_is_pruned(tmp_path: Path) -> None:
    """Tune stops it before its first result."""
    session = Session(tmp_path)
    record = session.begin("a")
    session.searcher.on_trial_complete("a", {"done": True})
    assert record.status == "pruned"


def test_the_search_stops_if_the_first_trials_all_fail(tmp_path: Path) -> None:
    """Their number is `budget.max_failures`."""
    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 8, "max_failures": 2}}, "test")
    session = Session(tmp_path, space)
    for name in ("a", "b"):
        assert not session.searcher.all_trials_failed()
        session.begin(name)
        session.complete(name, Failed("no"))
    assert session.searcher.all_trials_failed()
    assert session.searcher.suggest("c") == "FINISHED"


def test_a_trial_whose_slot_died_before_it_started_is_proposed_again(tmp_path: Path) -> None:
    """With the same parameters, and before new trials; the budget counts it once."""
    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 2}}, "test")
    session = Session(tmp_path, space)
    first = session.begin("a")
    session.searcher.on_trial_complete("a", error=True)
    assert session.begin("b") is first
    session.begin("c")
    assert session.searcher.suggest("d") is None  # the search is not over: a running trial may come back
    session.searcher.on_trial_complete("c", error=True)
    second = session.begin("d")
    for name in ("b", "d"):
        session.searcher.on_trial_complete(name, result(2.0, 0.1, last=True))
    assert session.searcher.suggest("e") == "FINISHED"
    assert {first.status, second.status} == {"completed"}
    assert session.states() == [TrialState.COMPLETE] * 2


def test_a_trial_that_loses_every_slot_fails(tmp_path: Path) -> None:
    """After `MAX_SLOTS` slots."""
    session = Session(tmp_path)
    for name in range(MAX_SLOTS):
        record = session.begin(str(name))
        session.searcher.slot_lost(record.trial_id, "ModuleNotFoundError: no kotune there")
        session.searcher.on_trial_complete(str(name), error=True)
    assert record.status == "failed"
    assert record.reason == "its slot was lost 5 times before it had begun: ModuleNotFoundError: no kotune there"
    assert session.states() == [TrialState.FAIL]
    assert session.begin("next").number == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_removed_trial_is_searched_again(tmp_path: Path, number: int) -> None:
    """As the message about a damaged record promises; the other trials stay, and Optuna gets the new one."""
    session = Session(tmp_path)
    for name in ("a", "b", "c"):
        session.begin(name)
        session.searcher.on_trial_complete(name, result(2.0, 0.1, last=True))
    shutil.rmtree(tmp_path / "mine" / "trials" / f"mine-{number:04d}")
    again = Session(tmp_path)
    others = {name: record.results for name, record in again.study.records.items()}
    record = again.begin("d")
    assert (record.number, record.trial_id, record.is_default) == (number, f"mine-{number:04d}", number == 0)
    again.searcher.on_trial_complete("d", result(2.0, 0.7, last=True))
    assert {name: again.study.records[name].results for name in others} == others
    assert again.states() == [TrialState.COMPLETE] * 4
    third = Session(tmp_path)
    assert third.begin("e").number == 3


def test_the_user_sees_lost_workers_and_slots(tmp_path: Path) -> None:
    """Once each, also before the first result; a trial that starts in a used slot has lost nothing."""
    session = Session(tmp_path)
    session.begin("a")
    for epoch, slot, groups in ((1.0, "one", 1), (2.0, "one", 2), (3.0, "one", 2)):
        session.report("a", epoch, 0.5, slot=slot, groups=groups)
    session.searcher.slot_lost("mine-0000", "killed")
    session.report("a", 4.0, 0.5, slot="two", groups=1)
    session.begin("b")
    session.report("b", 1.0, 0.5, slot="two", groups=1)
    session.begin("c")
    session.report("c", 1.0, 0.5, slot="two", groups=2)
    assert cloudpickle.loads(cloudpickle.dumps(session.searcher))._say is None  # as Tune does
    assert session.lines == [
        "trial 0: its workers were lost; it continued with new ones",
        "trial 0: its slot was lost; it continues in another one",
        "trial 2: its workers were lost; it continued with new ones",
    ]


def test_a_proposal_has_a_job_and_a_slot(tmp_path: Path) -> None:
    """The first one is the recipe default; its job is stored in the trial's folder."""
    session = Session(tmp_path)
    config = from_tune_config(session.searcher.suggest("a"))
    record = session.study.records["mine-0000"]
    assert (record.number, record.is_default, record.sessions) == (0, True, 1)
    assert record.parameters == {"learning_rate": 1e-3, "num_beams": 1}
    assert (config.job, config.slot) == (a_job(trial_id="mine-0000"), SETTINGS)
    file = session.study.paths.trial("mine-0000") / "job.json"
    assert Job.from_json(file.read_bytes(), str(file)) == config.job
    assert not session.begin("b").is_default
    assert Session(tmp_path).begin("c").sessions == 2


def test_no_trial_is_proposed_without_room_for_its_slot(tmp_path: Path) -> None:
    """`room` gets the running slots, and the slots for which there is work: running and remaining trials."""
    calls: list[tuple[int, int]] = []

    def room(running: int, work: int) -> int:
        calls.append((running, work))
        return 2

    session = Session(tmp_path, room=room)
    for name in ("a", "b"):
        session.begin(name)
    assert session.searcher.suggest("c") is None
    assert calls == [(0, 8), (1, 8), (2, 8)]
    session.searcher.on_trial_complete("a", result(1.0, 0.5, last=True))
    session.searcher.on_trial_complete("b", error=True)  # it is proposed again
    session.begin("c")
    assert calls[3:] == [(0, 7)]
    resumed = Session(tmp_path, room=room)  # one trial is unfinished, six are new
    resumed.begin("d")
    assert calls[4:] == [(0, 7)]


def test_no_room_is_needed_after_all_trials_failed(tmp_path: Path) -> None:
    """Nor for more trials than the budget has."""
    calls: list[tuple[int, int]] = []

    def room(running: int, work: int) -> int:
        calls.append((running, work))
        return 9

    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 8, "max_failures": 1}}, "test")
    session = Session(tmp_path, space, room)
    session.begin("a")
    session.complete("a", Failed("no"))
    assert session.searcher.suggest("b") == "FINISHED"
    assert calls == [(0, 8), (0, 0)]


def test_one_completed_trial_shows_that_trials_can_work(tmp_path: Path) -> None:
    """Failures after it do not end the search."""
    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 8, "max_failures": 1}}, "test")
    session = Session(tmp_path, space)
    session.whole("a")
    for name in ("b", "c"):
        session.begin(name)
        session.complete(name, Failed("no"))
    assert not session.searcher.all_trials_failed()


def test_a_slot_keeps_its_worker_and_its_number_of_groups(tmp_path: Path) -> None:
    """The largest number counts: messages of an earlier group may arrive late."""
    session = Session(tmp_path)
    session.begin("a")
    for epoch, groups in ((1.0, 1), (2.0, 3), (3.0, 2)):
        session.report("a", epoch, 0.5, slot="one", groups=groups)
    session.report("a", 4.0, 0.5)  # a message without a slot
    assert session.searcher.groups == {"one": 3}
    assert session.searcher.workers == {"one": WORKER}
    (trial,) = session.optuna.trials
    assert trial.intermediate_values == {1: 0.5, 2: 0.5, 3: 0.5, 4: 0.5}


def test_a_result_is_recorded_before_the_scheduler_decides(tmp_path: Path) -> None:
    """Once, although Tune passes it on again after the decision; and not after the storage is lost."""
    session = Session(tmp_path)
    record = session.begin("a")
    assert session.searcher.record(record.trial_id, from_tune_result(result(1.0, 0.5)))
    session.report("a", 1.0, 0.5)
    assert [entry.order for entry in Session(tmp_path).study.records[record.trial_id].results] == [1]
    session.study.set_storage_error(StorageLost("the disk is full"))
    assert not session.searcher.record(record.trial_id, from_tune_result(result(2.0, 0.4)))
    assert [entry.epoch for entry in Session(tmp_path).study.records[record.trial_id].results] == [1.0]
