"""Optuna and the trial records agree after a crash between the writes of the two."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages._cached_storage import _CachedStorage
from optuna.trial import TrialState

from foundation import durable
from foundation.durable import StorageLost
from foundation.statuses import TrialStatus
from tests.tuning.algorithms.sessions import SPACE, Session
from tuning.algorithms import samplers


def suggested(storage: Path, trials: int, between: Callable[[Path], None]) -> list[dict[str, Any]]:
    """The suggestions of sessions of one trial each, with `between` called between them."""
    suggestions = []
    for number in range(trials):
        suggestions.append(Session(storage).whole(f"t{number}").parameters)
        between(storage)
    return suggestions


def asked_without_a_record(storage: Path) -> None:
    """A crash after Optuna was asked and before the record was written, with all parameters, some, or none."""
    session = Session(storage)
    number = len(session.study.records)
    trial = samplers.ask(session.optuna, SPACE, number)
    for name in list(SPACE.search)[: number % 3]:
        samplers.suggest(trial, {name: SPACE.search[name]})
    if number % 2:
        trial.set_user_attr("trial_id", f"mine-{number:04d}")


def missing(storage: Path) -> None:
    """Optuna's database is missing."""
    (storage / "mine" / "optuna.db").unlink()


def truncated(storage: Path) -> None:
    """Optuna's database ends in the middle."""
    path = storage / "mine" / "optuna.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


#: A transaction that is larger than SQLite's cache: half of it is in the database when the process dies.
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
    """As above, with a truncated journal: SQLite cannot roll back."""
    with_a_journal(storage)
    os.truncate(journal(storage), 600)


def journal(storage: Path) -> Path:
    return storage / "mine" / "optuna.db-journal"


@pytest.mark.parametrize(
    "fault", [asked_without_a_record, missing, truncated, with_a_journal, with_a_truncated_journal]
)
def test_a_study_continues_with_the_same_suggestions(tmp_path: Path, fault: Callable[[Path], None]) -> None:
    """Whatever happens between two trials; a damaged database is rebuilt from the records."""
    undisturbed = suggested(tmp_path / "undisturbed", 6, lambda storage: None)
    faulty = suggested(tmp_path / "faulty", 6, fault)
    assert faulty == undisturbed
    session = Session(tmp_path / "faulty")
    assert session.states().count(TrialState.COMPLETE) == 6
    assert TrialState.RUNNING not in session.states()
    names = [trial.user_attrs.get("trial_id") for trial in session.optuna.get_trials()]
    names = [name for name in names if name]
    assert names == [f"mine-{number:04d}" for number in range(6)]


def test_a_damaged_database_is_renamed(tmp_path: Path) -> None:
    """And not deleted."""
    Session(tmp_path).whole("a")
    truncated(tmp_path)
    Session(tmp_path)
    assert len(list((tmp_path / "mine").glob("optuna.damaged-*"))) == 1


def test_optuna_receives_what_only_the_record_has(tmp_path: Path) -> None:
    """Results, and then the end of the trial."""
    first = Session(tmp_path)
    record = first.begin("a")
    first.study.add(record.trial_id, 1.0, 10, {"loss": 0.5}, 1.0)
    second = Session(tmp_path)
    assert second.optuna.trials[0].intermediate_values == {1: 0.5}
    assert second.states() == [TrialState.RUNNING]
    second.study.end(record.trial_id, TrialStatus.PRUNED)
    assert Session(tmp_path).states() == [TrialState.PRUNED]


def test_a_last_result_completes_a_trial(tmp_path: Path) -> None:
    """A crash came between the last result and the end: the trial is not trained again."""
    first = Session(tmp_path)
    record = first.begin("a")
    first.report("a", 1.0, 0.5, last=True)
    again = Session(tmp_path)
    assert again.study.records[record.trial_id].status == "completed"
    assert again.optuna.trials[0].value == 0.5
    assert again.begin("b").number == 1


def test_a_trial_that_its_last_result_stops_is_pruned(tmp_path: Path) -> None:
    """The decision was lost in a crash, and a replay repeats it."""
    first = Session(tmp_path)
    record = first.begin("a")
    first.report("a", 1.0, 0.5)
    again = Session(tmp_path)
    again.searcher.prune([again.study.records[record.trial_id]])
    assert again.states() == [TrialState.PRUNED]
    assert again.begin("b").number == 1


#: The changes of Optuna's database in the life of a trial.
CHANGES = (
    *("create_new_trial", "set_trial_param", "set_trial_user_attr"),
    *("set_trial_intermediate_value", "set_trial_state_values"),
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_full_disk_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """As for a record; suggestions do not change, and of an attempt that failed halfway no trial stays open."""
    monkeypatch.setattr(durable, "PAUSES", (0.0,))
    expected = [Session(tmp_path / "other").whole(name).parameters for name in "ab"]
    failures, real = [StorageInternalError("database or disk is full")], getattr(_CachedStorage, change)

    def fail_once(self: Any, *args: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(self, *args, **options)

    session = Session(tmp_path)
    monkeypatch.setattr(_CachedStorage, change, fail_once)
    assert [session.whole(name).parameters for name in "ab"] == expected
    assert failures == []
    assert session.study.storage_error is None
    assert [state for state in session.states() if state is not TrialState.FAIL] == [TrialState.COMPLETE] * 2


def test_a_database_that_stays_unavailable_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After all attempts, the search is told, and nothing is raised through Tune."""
    monkeypatch.setattr(durable, "PAUSES", (0.0, 0.0))
    session, attempts = Session(tmp_path), list[int]()

    def fail(*_: Any, **__: Any) -> None:
        attempts.append(1)
        raise StorageInternalError("database or disk is full")

    monkeypatch.setattr(_CachedStorage, "create_new_trial", fail)
    assert session.searcher.suggest("a") == "FINISHED"
    assert len(attempts) == 3
    assert isinstance(session.study.storage_error, StorageLost)
