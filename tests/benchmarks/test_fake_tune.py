"""Tune, and its replacement in a simulation, call scheduler and searcher in the same order."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks._scale_study import EPOCHS, SleepingTrainable
from benchmarks.histories.scenario import METRIC, StudySettings
from benchmarks.simulation.simulation import Simulation
from benchmarks.simulation.training import SmoothCurve
from benchmarks.small import make_search, small_space, small_study
from foundation.statuses import TrialStatus
from tuning.search import Search
from tuning.studies.records import TrialRecord

Calls = dict[str, list[str]]


def record_calls(search: Search) -> Calls:
    """Returns the calls of the search's scheduler and searcher for each of Tune's trials, which are added later."""
    calls: Calls = defaultdict(list)

    def record(owner: Any, name: str, line: str) -> None:
        real, is_scheduler = getattr(owner, name), owner is search.scheduler

        def method(*args: Any, **options: Any) -> Any:  # Tune pickles it with its owner
            trial_id = args[1].trial_id if is_scheduler else options.get("trial_id") or args[0]
            calls[trial_id].append(line)
            return real(*args, **options)

        setattr(owner, name, method)

    record(search.scheduler, "on_trial_add", "add")
    record(search.scheduler, "on_trial_result", "scheduler: result")
    record(search.scheduler, "on_trial_complete", "scheduler: complete")
    record(search.searcher, "on_trial_result", "searcher: result")
    record(search.searcher, "on_trial_complete", "searcher: complete")
    return calls


def expected(record: TrialRecord) -> list[str]:
    """Neither sees the last result of a completed trial but as its end, nor the searcher that of a stopped one."""
    results = ["scheduler: result", "searcher: result"] * (len(record.results) - 1)
    stop = ["scheduler: result"] if record.status is TrialStatus.PRUNED else []
    return ["add", *results, *stop, "scheduler: complete", "searcher: complete"]


def assert_as_expected(calls: Calls, records: dict[str, TrialRecord]) -> None:
    assert {record.status for record in records.values()} == {TrialStatus.COMPLETED, TrialStatus.PRUNED}
    assert list(calls.values()) == [expected(record) for record in records.values()]


@pytest.mark.ray
@pytest.mark.usefixtures("two_cpus")
def test_tune(tmp_path: Path) -> None:
    """A study on one slot, whose trials only sleep."""
    space = small_space(tmp_path, ["budget.trials=6", f"num_train_epochs={EPOCHS}"])
    study, material = small_study(tmp_path, "mine", space)
    (study.paths.ray / "train").mkdir(parents=True)
    (study.paths.ray / "train" / "epoch").write_text("0.01")
    search = make_search(study, material, trainable=SleepingTrainable)
    calls = record_calls(search)
    search.run()
    assert_as_expected(calls, study.records)


def test_its_replacement(tmp_path: Path) -> None:
    """A simulated study on one slot."""
    settings = StudySettings(0, "random", "asha", trials=6, epochs=3, machines=(1,), failures=0.0)
    simulation, searches = Simulation(tmp_path, 0, settings.machines, SmoothCurve(METRIC)), list[Calls]()
    simulation.on_search = lambda search: searches.append(record_calls(search))
    with simulation.open():
        simulation.session(settings.space())
    assert simulation.study is not None
    assert_as_expected(searches[0], simulation.study.records)
