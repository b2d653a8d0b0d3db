"""Stopping rules, and their state after a replay of the records."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import FIFOScheduler

from foundation.statuses import TrialStatus
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tests.trainables.slots.scenes import a_job, a_report
from trainables.slots.messages import Evaluated, Failed, Message, TrialConfig, to_tune_config, to_tune_result
from trainables.slots.settings import Shape, SlotSettings
from tuning.algorithms.schedulers import ResumableScheduler, make_scheduler
from tuning.studies.attempts import count_attempt
from tuning.studies.epochs import longest_epochs, rungs
from tuning.studies.records import Result, TrialRecord

SETTINGS = SlotSettings(Shape(1, 1.0, 0.0), folder="", hang=1.0)


def space(name: str = "asha", mode: str = "max", **scheduler: Any) -> Space:
    """A space with this scheduler."""
    return from_dict({"mode": mode, "metric": "rouge_sum", "scheduler": {"name": name, **scheduler}}, "test")


def trial(name: str, folder: Path = Path("nowhere"), failures: int = 0) -> Any:
    """The attributes of a Tune trial that schedulers read."""
    return SimpleNamespace(
        config=to_tune_config(TrialConfig(a_job(trial_id=name, folder=str(folder)), SETTINGS)),
        run_metadata=SimpleNamespace(num_failures=failures),
        get_error=lambda: "Failure # 1\nThe actor died.\nModuleNotFoundError: No module named 'kotune'\n",
    )


def report(scheduler: ResumableScheduler, name: str, epoch: float, value: float) -> str:
    """Reports one result; returns the decision."""
    return scheduler.on_trial_result(None, trial(name), result(epoch, value))


def result(epoch: float, value: float, last: bool = False) -> dict[str, Any]:
    """As Tune passes it on."""
    return to_tune_result(Message(Evaluated(a_report(epoch, last, value), objective=value)))


def failure(reason: str) -> dict[str, Any]:
    return to_tune_result(Message(Failed(reason)))


def started(scheduler: ResumableScheduler, *names: str) -> ResumableScheduler:
    for name in names:
        scheduler.on_trial_add(None, trial(name))
    return scheduler


def test_asha_stops_what_is_below_the_best_third() -> None:
    """Factor 3: at the first rung the limit is the 2/3 quantile of the earlier values."""
    scheduler = started(make_scheduler(space(), 9.0), "a", "b", "c", "d")
    assert report(scheduler, "a", 1, 0.6) == "CONTINUE"  # nothing to compare the first one with
    assert report(scheduler, "b", 1, 0.3) == "STOP"  # below 0.6
    assert report(scheduler, "c", 1, 0.9) == "CONTINUE"
    # 0.3, 0.6, 0.9: two thirds of the way from 0.3 to 0.9 is 0.7
    assert report(scheduler, "d", 1, 0.69) == "STOP"


def test_a_rung_can_be_a_fraction_of_an_epoch() -> None:
    """Grace 0.5: trials are compared at half an epoch."""
    scheduler = started(make_scheduler(space(grace=0.5), 4.0), "a", "b")
    assert report(scheduler, "a", 0.5, 0.6) == "CONTINUE"
    assert report(scheduler, "b", 0.5, 0.3) == "STOP"


def test_a_rung_at_three_tenths_is_met_at_three_tenths() -> None:
    """ASHA computes the second rung as 0.1 * 3 = 0.30000000000000004; an evaluation at epoch 0.3 belongs to it."""
    assert 0.1 * 3 > 0.3
    scheduler = started(make_scheduler(space(grace=0.1), 4.0), "a", "b")
    assert [report(scheduler, "a", epoch, 0.6) for epoch in (0.1, 0.3)] == ["CONTINUE"] * 2
    assert report(scheduler, "b", 0.1, 0.7) == "CONTINUE"
    assert report(scheduler, "b", 0.3, 0.3) == "STOP"


def test_small_values_are_good_in_mode_min() -> None:
    """A loss of 0.6 after one of 0.3 is stopped."""
    scheduler = started(make_scheduler(space(mode="min"), 9.0), "a", "b")
    assert report(scheduler, "a", 1, 0.3) == "CONTINUE"
    assert report(scheduler, "b", 1, 0.6) == "STOP"


def test_a_failure_never_reaches_the_rungs() -> None:
    """A result without a value changes no limit."""
    scheduler = started(make_scheduler(space(), 9.0), "a", "b", "c")
    assert report(scheduler, "a", 1, 0.6) == "CONTINUE"
    assert scheduler.on_trial_result(None, trial("b"), failure("NaN")) == "CONTINUE"
    scheduler.on_trial_complete(None, trial("b"), failure("NaN"))
    assert report(scheduler, "c", 1, 0.59) == "STOP"


def test_median_stops_below_the_median_and_never_pauses() -> None:
    """Three finished trials around 0.5: a fourth at 0.4 is stopped; before there are three, all go on."""
    scheduler = started(make_scheduler(space("median"), 4.0), "a", "b", "c", "d", "e")
    assert [report(scheduler, name, 1, value) for name, value in (("a", 0.4), ("b", 0.5), ("c", 0.6))] == [
        "CONTINUE"
    ] * 3
    assert report(scheduler, "d", 1, 0.4) == "STOP"
    assert report(scheduler, "e", 1, 0.7) == "CONTINUE"


def test_the_scheduler_none_stops_nothing() -> None:
    """Whatever the values are."""
    scheduler = started(make_scheduler(space("none"), 4.0), "a", "b")
    assert [report(scheduler, name, 1, value) for name, value in (("a", 1.0), ("b", -1.0))] == ["CONTINUE"] * 2


@pytest.mark.parametrize("name", ["asha", "median"])
def test_a_replayed_scheduler_decides_like_an_uninterrupted_one(name: str) -> None:
    """After a restart the decisions on the next results are those of a scheduler that received all results."""
    values = {"a": [0.5, 0.6, 0.7], "b": [0.3], "c": [0.6, 0.65, 0.7], "d": [0.55, 0.5], "x": [0.5, 0.4]}
    order = [(key, 0) for key in "abcx"] + [("a", 1), ("d", 0), ("x", 1), ("c", 1), ("a", 2), ("c", 2), ("d", 1)]
    ended = {
        "a": TrialStatus.COMPLETED,
        "b": TrialStatus.PRUNED,
        "c": TrialStatus.COMPLETED,
        "d": TrialStatus.RUNNING,
        "x": TrialStatus.FAILED,
    }
    uninterrupted = started(make_scheduler(space(name), 3.0), *values)
    records = {key: TrialRecord(number, key, {}, {}, 3.0, status=ended[key]) for number, key in enumerate(values)}
    for count, (key, index) in enumerate(order):
        if ended[key] != TrialStatus.COMPLETED or index + 1 < len(
            values[key]
        ):  # Tune reports it only as the completion
            report(uninterrupted, key, index + 1, values[key][index])
        records[key].results.append(Result(count, index + 1.0, 1, {"rouge_sum": values[key][index]}, 0.0))
    for key, status in ended.items():
        if status != TrialStatus.RUNNING:
            last = records[key].results[-1]
            message = failure("nan") if status == TrialStatus.FAILED else result(last.epoch, last.metrics["rouge_sum"])
            uninterrupted.on_trial_complete(None, trial(key), message)
    replayed = make_scheduler(space(name), 3.0)
    replayed.replay(records.values(), "rouge_sum")
    for scheduler in (uninterrupted, replayed):
        started(scheduler, "d", "e", "f")  # d continues, e and f are new
    later = [("e", 1, 0.58), ("d", 3, 0.52), ("f", 1, 0.2), ("e", 2, 0.66), ("e", 3, 0.5)]
    assert [report(uninterrupted, *each) for each in later] == [report(replayed, *each) for each in later]


def test_a_repeated_result_changes_nothing() -> None:
    """A trial that lost its slot continues from its checkpoint, and may report an epoch twice."""
    for name in ("asha", "median"):
        once, twice = (started(make_scheduler(space(name), 9.0), "a", "b") for _ in range(2))
        for scheduler, times in ((once, 1), (twice, 3)):
            assert [report(scheduler, "a", 1, 0.6) for _ in range(times)] == ["CONTINUE"] * times
            scheduler.on_trial_error(None, trial("a"))
            started(scheduler, "a")
        assert [report(once, "b", epoch, 0.3) for epoch in (1, 2)] == [
            report(twice, "b", epoch, 0.3) for epoch in (1, 2)
        ]


def test_a_replay_returns_trials_that_their_last_result_stops() -> None:
    """A crash came between the result and the decision; the other trials continue."""
    records = [
        TrialRecord(
            number,
            name,
            {},
            {},
            9.0,
            status=TrialStatus.RUNNING,
            results=[Result(number, 1.0, 1, {"rouge_sum": value}, 1.0)],
        )
        for number, (name, value) in enumerate([("a", 0.6), ("b", 0.3), ("c", 0.9)], 1)
    ]
    scheduler = make_scheduler(space(), 9.0)
    assert scheduler.replay(records, "rouge_sum") == [records[1]]
    assert report(scheduler, "c", 2, 0.9) == "CONTINUE"


def test_tune_counts_only_slots_that_never_started(tmp_path: Path) -> None:
    """A slot that started is counted in the trial's folder; the cause of the loss is passed on."""
    scheduler = started(make_scheduler(space(), 9.0), "a")
    causes: dict[str, str] = {}
    scheduler.on_slot_lost = causes.__setitem__
    lost = trial("a", tmp_path, failures=3)
    scheduler.on_trial_error(None, lost)
    assert lost.run_metadata.num_failures == 3
    count_attempt(a_job(folder=str(tmp_path)), "run", "node", {"node"})
    scheduler.on_trial_error(None, lost)
    assert lost.run_metadata.num_failures == 0
    lost.run_metadata.num_failures = 1
    scheduler.on_trial_error(None, lost)  # no slot started in between
    assert lost.run_metadata.num_failures == 1
    assert causes == {"a": "ModuleNotFoundError: No module named 'kotune'"}


def test_a_failed_trial_counts_in_a_replay_as_before() -> None:
    """The means of 0.1 and 0.9 are 0.5; with the last result counted twice they would stop a trial at 0.55."""
    results = [Result(1, 1.0, 1, {"rouge_sum": 0.1}, 1.0), Result(2, 2.0, 2, {"rouge_sum": 0.9}, 1.0)]
    records = [
        TrialRecord(number, f"x{number}", {}, {}, 9.0, status=TrialStatus.FAILED, results=results)
        for number in range(3)
    ]
    scheduler = make_scheduler(space("median"), 9.0)
    scheduler.replay(records, "rouge_sum")
    started(scheduler, "a")
    assert [report(scheduler, "a", epoch, 0.55) for epoch in (1.0, 2.0)] == ["CONTINUE", "CONTINUE"]


@pytest.mark.parametrize(("factor", "decision"), [(2, "CONTINUE"), (3, "CONTINUE"), (4, "STOP")])
def test_the_reduction_factor_sets_the_cut(factor: int, decision: str) -> None:
    """Of 0.3, 0.6, 0.9 the cut is the percentile 1 - 1/factor: 0.6, 0.7 or 0.75; all three continued before."""
    scheduler = started(make_scheduler(space(reduction_factor=factor), 9.0), "a", "b", "c", "d")
    assert [report(scheduler, name, 1, value) for name, value in (("a", 0.3), ("b", 0.6), ("c", 0.9))] == [
        "CONTINUE"
    ] * 3
    assert report(scheduler, "d", 1, 0.72) == decision


def test_asha_ends_a_trial_at_its_last_epoch() -> None:
    """A result of the last epoch is no reason to continue, however good it is."""
    scheduler = started(make_scheduler(space(), 4.0), "a")
    assert [report(scheduler, "a", epoch, 0.5) for epoch in (1, 2, 3, 4)] == ["CONTINUE"] * 3 + ["STOP"]


class RecordingScheduler(FIFOScheduler):  # type: ignore[misc]
    """A scheduler of Ray's that records its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self.calls.append(("add", trial.trial_id))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        self.calls.append(("complete", trial.trial_id, result))

    def debug_string(self) -> str:
        return "recording"


def test_rays_scheduler_gets_each_trial_once_per_slot() -> None:
    """A second add is passed on only after the trial lost its slot, was removed or completed."""
    inner = RecordingScheduler()
    scheduler = started(ResumableScheduler(inner), "a", "a")
    assert inner.calls == [("add", "a")]
    scheduler.on_trial_error(None, trial("a"))
    scheduler.on_trial_complete(None, trial("a"), result(1.0, 0.5))  # it has no slot
    started(scheduler, "a")
    scheduler.on_trial_remove(None, trial("a"))
    started(scheduler, "a", "b")
    scheduler.on_trial_complete(None, trial("a"), failure("NaN"))  # a failure has no value to pass on
    started(scheduler, "a", "b")
    assert inner.calls == [("add", name) for name in "aaaba"]
    scheduler.on_trial_complete(None, trial("b"), result(2.0, 0.5))
    assert inner.calls[-1][:2] == ("complete", "b")
    assert inner.calls[-1][2] == {"epoch": pytest.approx(2.0), "objective": 0.5}
    started(scheduler, "b")
    assert inner.calls[-1] == ("add", "b")
    assert scheduler.debug_string() == "recording"
    assert scheduler.set_search_properties("loss", "min") is True


@pytest.mark.parametrize("options", [{}, {"grace": 2.0, "reduction_factor": 2}, {"grace": 0.1, "max": 5.0}])
def test_asha_has_the_rungs_that_are_checked(options: dict[str, Any]) -> None:
    """`tuning.studies.epochs.rungs` computes them without Ray; Ray adds one at the very end of the longest trial."""
    where = from_dict({"mode": "max", "fixed": {"num_train_epochs": 10}, "scheduler": options}, "test")
    asha: Any = make_scheduler(where, longest_epochs(where)).inner
    milestones = sorted(milestone for milestone, _ in asha._brackets[0]._rungs)
    assert [epoch for epoch in milestones if epoch < longest_epochs(where)] == pytest.approx(rungs(where))


def test_a_result_is_on_record_before_it_is_decided_on() -> None:
    """If it cannot be written, nothing is decided: the next session repeats it, perhaps with another decision."""
    scheduler, records = started(make_scheduler(space(), 9.0), "a"), list[str]()

    def write(trial_id: str, message: Message | None) -> bool:
        records.append(trial_id)
        return len(records) > 1

    scheduler.on_result = write
    assert report(scheduler, "a", 1, 0.6) == "NOOP"
    assert report(scheduler, "a", 1, 0.6) == "CONTINUE"
    assert records == ["a", "a"]
