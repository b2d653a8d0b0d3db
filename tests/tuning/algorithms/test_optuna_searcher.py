"""Optuna and the records agree after whatever was cut off between the two."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState
from ray import cloudpickle

from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tuning.algorithms import samplers
from tuning.algorithms.optuna_searcher import OptunaSearcher
from tuning.algorithms.optuna_storage import open_study
from tuning.studies.attempts import MAX_SLOTS
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

SPACE = from_dict(
    {
        "mode": "min",
        "metric": "loss",
        "budget": {"trials": 8},
        "sampler": {"startup_trials": 2},
        "search": {"learning_rate": {"log": [1e-5, 1e-2], "default": 1e-3}, "num_beams": {"int": [1, 8], "default": 1}},
    },
    "test",
)


class Sitting:
    """What Tune does to proposals, in one sitting of a study."""

    def __init__(self, storage: Path, space: Space = SPACE) -> None:
        new = not (storage / "mine").exists()
        self.study = Study.create(space, storage, "mine") if new else Study.load(storage, "mine")
        self.optuna = open_study(self.study.paths.optuna, space)
        self.said: list[str] = []
        self.searcher = OptunaSearcher(
            self.study, self.optuna, lambda record: {"trial_id": record.trial_id}, {}, self.said.append
        )

    def begin(self, name: str) -> TrialRecord:
        job = self.searcher.suggest(name)
        assert isinstance(job, dict)
        return self.study.records[job["job"]["trial_id"]]

    def tell(self, name: str, epoch: float, loss: float, **more: Any) -> None:
        self.searcher.on_trial_result(name, result(epoch, loss, **more))

    def whole(self, name: str) -> TrialRecord:
        """A trial from its beginning to its end."""
        record = self.begin(name)
        self.tell(name, 1.0, record.config["learning_rate"])
        self.searcher.on_trial_complete(name, result(2.0, record.config["learning_rate"], last=True))
        return record

    def states(self) -> list[TrialState]:
        return [trial.state for trial in self.optuna.get_trials(deepcopy=False)]


def result(epoch: float, loss: float, **more: Any) -> dict[str, Any]:
    """As Tune has it, flattened."""
    told = {"epoch": epoch, "step": int(10 * epoch), "objective": loss, "metrics/loss": loss, "seconds": 1.0}
    return {**told, "last": False, **more}


def suggested(storage: Path, trials: int, between: Callable[[Path], None]) -> list[dict[str, Any]]:
    """What is suggested in sittings of one trial each, with something happening between them."""
    found = []
    for number in range(trials):
        found.append(Sitting(storage).whole(f"t{number}").parameters)
        between(storage)
    return found


def asked_and_forgotten(storage: Path) -> None:
    """A crash after Optuna was asked, before the record was written: with all parameters, some, or none."""
    sitting = Sitting(storage)
    number = len(sitting.study.records)
    trial = samplers.ask(sitting.optuna, SPACE, number)
    for name in list(SPACE.search)[: number % 3]:
        samplers.suggest(trial, {name: SPACE.search[name]})
    if number % 2:
        trial.set_user_attr("trial_id", f"mine-{number:04d}")


def lost(storage: Path) -> None:
    """Optuna's database is gone."""
    (storage / "mine" / "optuna.db").unlink()


def truncated(storage: Path) -> None:
    """Optuna's database was cut off in the middle."""
    path = storage / "mine" / "optuna.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


#: A transaction too large for memory, half of it in the database already, when its process dies.
CUT_OFF = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")
connection.execute("BEGIN")
connection.execute("UPDATE trial_params SET param_value = param_value / 2")
connection.execute("UPDATE trial_values SET value = value / 2")
connection.execute("CREATE TABLE filler AS WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 3000)"
                   " SELECT i, randomblob(100) FROM n")
os._exit(0)
"""


def with_a_journal(storage: Path) -> None:
    """A crash in the middle of a transaction left SQLite's journal."""
    path = storage / "mine" / "optuna.db"
    subprocess.run([sys.executable, "-c", CUT_OFF, path], check=True)
    assert journal(storage).stat().st_size > 512


def with_a_truncated_journal(storage: Path) -> None:
    """And that was cut off: what it would have undone stays."""
    with_a_journal(storage)
    os.truncate(journal(storage), 600)


def journal(storage: Path) -> Path:
    return storage / "mine" / "optuna.db-journal"


@pytest.mark.parametrize("fault", [asked_and_forgotten, lost, truncated, with_a_journal, with_a_truncated_journal])
def test_a_study_goes_on_with_the_same_suggestions(tmp_path: Path, fault: Callable[[Path], None]) -> None:
    """Whatever came between two trials; a database that is damaged is made anew of the records."""
    calm = suggested(tmp_path / "calm", 6, lambda storage: None)
    stormy = suggested(tmp_path / "stormy", 6, fault)
    assert stormy == calm
    sitting = Sitting(tmp_path / "stormy")
    assert sitting.states().count(TrialState.COMPLETE) == 6
    assert TrialState.RUNNING not in sitting.states()
    names = [trial.user_attrs.get("trial_id") for trial in sitting.optuna.get_trials()]
    names = [name for name in names if name]
    assert names == [f"mine-{number:04d}" for number in range(6)]


def test_a_damaged_database_is_put_aside(tmp_path: Path) -> None:
    """Not thrown away."""
    Sitting(tmp_path).whole("a")
    truncated(tmp_path)
    Sitting(tmp_path)
    assert len(list((tmp_path / "mine").glob("optuna.damaged-*"))) == 1


def test_what_was_told_to_one_of_them_is_told_to_the_other(tmp_path: Path) -> None:
    """Results in the record that Optuna did not hear; then an end that it did not hear."""
    first = Sitting(tmp_path)
    record = first.begin("a")
    first.study.add(record.trial_id, 1.0, 10, {"loss": 0.5}, 1.0)
    second = Sitting(tmp_path)
    assert second.optuna.trials[0].intermediate_values == {1: 0.5}
    assert second.states() == [TrialState.RUNNING]
    second.study.end(record.trial_id, "pruned")
    assert Sitting(tmp_path).states() == [TrialState.PRUNED]


def test_a_last_result_completes_a_trial(tmp_path: Path) -> None:
    """A crash came between the result and the end: nothing is trained again."""
    first = Sitting(tmp_path)
    record = first.begin("a")
    first.tell("a", 1.0, 0.5, last=True)
    again = Sitting(tmp_path)
    assert again.study.records[record.trial_id].status == "completed"
    assert again.optuna.trials[0].value == 0.5
    assert again.begin("b").number == 1


def test_a_trial_that_its_last_result_stopped_is_over(tmp_path: Path) -> None:
    """The decision was lost, and is made again of what was reported."""
    first = Sitting(tmp_path)
    record = first.begin("a")
    first.tell("a", 1.0, 0.5)
    again = Sitting(tmp_path)
    again.searcher.stopped([again.study.records[record.trial_id]])
    assert again.states() == [TrialState.PRUNED]
    assert again.begin("b").number == 1


def test_what_fits_into_no_memory_is_infeasible_to_the_sampler(tmp_path: Path) -> None:
    """It learns to keep away; of a failure it would learn nothing."""
    sitting = Sitting(tmp_path)
    record = sitting.begin("a")
    sitting.searcher.on_trial_complete("a", {"failure": "does not fit", "kind": "infeasible", "last": True})
    (trial,) = sitting.optuna.trials
    assert (trial.state, trial.constraints) == (TrialState.PRUNED, {"memory": 1.0})
    assert (record.status, record.reason) == ("failed", "does not fit")
    assert Sitting(tmp_path).optuna.trials[0].constraints == {"memory": 1.0}
    sampler = samplers.ask(sitting.optuna, SPACE, 1).study.sampler
    assert isinstance(sampler, optuna.samplers.TPESampler)


def test_a_trial_whose_storage_went_is_not_over(tmp_path: Path) -> None:
    """The study stops with the reason; the trial goes on when it does."""
    sitting = Sitting(tmp_path)
    record = sitting.begin("a")
    sitting.searcher.on_trial_complete("a", {"failure": "the disk is full", "kind": "storage", "last": True})
    assert record.status == "running"
    assert str(sitting.study.storage_error) == "the disk is full"


def test_a_study_whose_first_trials_all_failed_proposes_no_more(tmp_path: Path) -> None:
    """`budget.max_failures` says how many."""
    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 8, "max_failures": 2}}, "test")
    sitting = Sitting(tmp_path, space)
    for name in ("a", "b"):
        assert not sitting.searcher.all_trials_failed()
        sitting.begin(name)
        sitting.searcher.on_trial_complete(name, {"failure": "no", "last": True})
    assert sitting.searcher.all_trials_failed()
    assert sitting.searcher.suggest("c") == "FINISHED"


def test_a_trial_whose_slot_died_before_it_began_is_proposed_again(tmp_path: Path) -> None:
    """With what it was to try, and before anything else; the budget counts it once."""
    space = from_dict({**SPACE.to_dict(), "budget": {"trials": 2}}, "test")
    sitting = Sitting(tmp_path, space)
    first = sitting.begin("a")
    sitting.searcher.on_trial_complete("a", error=True)
    assert sitting.begin("b") is first
    sitting.begin("c")
    assert sitting.searcher.suggest("d") is None  # not over: what runs may come back
    sitting.searcher.on_trial_complete("c", error=True)
    second = sitting.begin("d")
    for name in ("b", "d"):
        sitting.searcher.on_trial_complete(name, result(2.0, 0.1, last=True))
    assert sitting.searcher.suggest("e") == "FINISHED"
    assert {first.status, second.status} == {"completed"}
    assert sitting.states() == [TrialState.COMPLETE] * 2


def test_a_trial_that_no_slot_survives_fails(tmp_path: Path) -> None:
    """It is not tried for ever."""
    sitting = Sitting(tmp_path)
    for name in range(MAX_SLOTS):
        record = sitting.begin(str(name))
        sitting.searcher.slot_lost(record.trial_id, "ModuleNotFoundError: no kotune there")
        sitting.searcher.on_trial_complete(str(name), error=True)
    assert record.status == "failed"
    assert record.reason == "its slot was lost 5 times before it had begun: ModuleNotFoundError: no kotune there"
    assert sitting.states() == [TrialState.FAIL]
    assert sitting.begin("next").number == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_trial_that_was_taken_out_is_searched_in_its_place(tmp_path: Path, number: int) -> None:
    """As the message of a damaged record says: the others stay what they are, and Optuna hears of the new one."""
    sitting = Sitting(tmp_path)
    for name in ("a", "b", "c"):
        sitting.begin(name)
        sitting.searcher.on_trial_complete(name, result(2.0, 0.1, last=True))
    shutil.rmtree(tmp_path / "mine" / "trials" / f"mine-{number:04d}")
    again = Sitting(tmp_path)
    others = {name: record.results for name, record in again.study.records.items()}
    record = again.begin("d")
    assert (record.number, record.trial_id, record.is_default) == (number, f"mine-{number:04d}", number == 0)
    again.searcher.on_trial_complete("d", result(2.0, 0.7, last=True))
    assert {name: again.study.records[name].results for name in others} == others
    assert again.states() == [TrialState.COMPLETE] * 4
    third = Sitting(tmp_path)
    assert third.begin("e").number == 3


def test_what_was_lost_under_a_trial_is_told(tmp_path: Path) -> None:
    """Once each, also under one that had told nothing; a trial that began in another's slot has lost nothing."""
    sitting = Sitting(tmp_path)
    sitting.begin("a")
    for epoch, slot, groups in ((1.0, "one", 1), (2.0, "one", 2), (3.0, "one", 2)):
        sitting.tell("a", epoch, 0.5, slot=slot, groups=groups)
    sitting.searcher.slot_lost("mine-0000", "killed")
    sitting.tell("a", 4.0, 0.5, slot="two", groups=1)
    sitting.begin("b")
    sitting.tell("b", 1.0, 0.5, slot="two", groups=1)
    sitting.begin("c")
    sitting.tell("c", 1.0, 0.5, slot="two", groups=2)
    assert cloudpickle.loads(cloudpickle.dumps(sitting.searcher))._say is None  # as Tune does
    assert sitting.said == [
        "trial 0: its workers were lost; it went on with others",
        "trial 0: its slot was lost; it goes on in another",
        "trial 2: its workers were lost; it went on with others",
    ]
