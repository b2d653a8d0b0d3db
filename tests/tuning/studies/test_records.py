"""Records of trials: their values, and the previous version that replaces a damaged one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from foundation.durable import previous
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from tuning.studies.records import Result, TrialRecord, read_record, write_record


def record_of(values: list[float], status: TrialStatus = TrialStatus.RUNNING) -> TrialRecord:
    """A trial of at most three epochs, evaluated once an epoch."""
    results = [Result(epoch, epoch, epoch * 10, {"loss": value}, 1.0) for epoch, value in enumerate(values, 1)]
    return TrialRecord(3, "mine-0003", {"num_beams": 2}, {"num_beams": 2}, 3.0, status=status, results=results)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record that was written twice: at the start, and with a result."""
    path = tmp_path / "mine-0003" / "trial.json"
    path.parent.mkdir()
    write_record(path, record_of([]))
    write_record(path, record_of([0.5]))
    return path


def test_the_best_of_a_trial_is_not_its_last() -> None:
    """The earliest epoch wins a tie."""
    record = record_of([0.4, 0.7, 0.7])
    assert (record.best_epoch("loss", "max"), record.best_epoch("loss", "min")) == (2.0, 1.0)
    assert record.last_epoch == 3.0


def test_the_best_value_until_an_epoch() -> None:
    """It is compared with a trial that was stopped there."""
    record = record_of([0.3, 0.2, 0.5])
    assert record.best_value("loss", "max", until=2.0) == 0.3
    assert record.best_value("loss", "max") == 0.5
    assert record.best_value("loss", "max", until=0.5) is None
    assert record_of([]).best_value("loss", "max") is None
    assert record_of([]).last_epoch == 0.0


@pytest.mark.parametrize(
    ("epochs", "status", "stopped_early"),
    [(2, TrialStatus.COMPLETED, True), (3, TrialStatus.COMPLETED, False), (2, TrialStatus.PRUNED, False)],
)
def test_a_trial_stopped_early_if_it_completed_before_its_last_epoch(
    epochs: int, status: TrialStatus, stopped_early: bool
) -> None:
    """A pruned trial was stopped by the scheduler."""
    assert record_of([0.5] * epochs, status).stopped_early is stopped_early


@pytest.mark.parametrize("loss", [0.5, math.inf])
def test_a_record_is_read_as_it_was_written(path: Path, loss: float) -> None:
    """With all results; a metric other than the objective may be infinite."""
    record = record_of([0.4])
    record.results.append(Result(2, 2.0, 20, {"loss": 0.3, "other": loss}, 2.0, last=True))
    write_record(path, record)
    assert read_record(path, "loss") == (record, "")


@pytest.mark.parametrize("length", [0, 1, 40])
def test_a_truncated_record_is_replaced_by_its_previous_version(path: Path, length: int) -> None:
    """The remark says so; the trial repeats the missing result."""
    path.write_bytes(path.read_bytes()[:length])
    record, remark = read_record(path, "loss")
    assert record is not None
    assert record.results == []
    assert remark == "trial mine-0003: its record is damaged; the previous version is used"


def test_a_crash_between_two_renames_loses_nothing(path: Path) -> None:
    """The old version was moved aside, and the new one is not in its place yet."""
    path.unlink()
    record, remark = read_record(path, "loss")
    assert record is not None
    assert "the previous version" in remark


def test_two_damaged_versions_are_an_error_that_says_what_to_do(path: Path) -> None:
    """Nothing is guessed."""
    for file in (path, previous(path)):
        file.write_text("{")
    with pytest.raises(UserError, match=r"trial\.json, line 1.* beside it is damaged too") as caught:
        read_record(path, "loss")
    assert str(path.parent) in caught.value.todo


def test_a_trial_whose_start_was_not_written_has_no_record(tmp_path: Path) -> None:
    """Only its folder exists."""
    assert read_record(tmp_path / "trial.json", "loss") == (None, "")
