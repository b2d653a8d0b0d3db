"""A trial's record: the one before it is kept, and taken where the newest is damaged."""

from pathlib import Path

import pytest

from foundation.durable import previous
from foundation.errors import UserError
from tuning.studies.records import Result, TrialRecord, read_record, write_record


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A record that was written twice: begun, and with a result."""
    path = tmp_path / "mine-0003" / "trial.json"
    path.parent.mkdir()
    record = TrialRecord(3, "mine-0003", {"num_beams": 2}, {"num_beams": 2}, 3.0)
    write_record(path, record)
    record.results.append(Result(1, 1.0, 10, {"loss": 0.5}, 2.0, last=True))
    write_record(path, record)
    return path


def test_a_record_is_read_as_it_was_written(path: Path) -> None:
    """With all of its results."""
    record, remark = read_record(path, "loss")
    assert record is not None
    assert (record.number, record.results, remark) == (3, [Result(1, 1.0, 10, {"loss": 0.5}, 2.0, last=True)], "")


@pytest.mark.parametrize("left", [0, 1, 40])
def test_a_truncated_record_is_replaced_by_the_one_before(path: Path, left: int) -> None:
    """And that is said: one result is told again."""
    path.write_bytes(path.read_bytes()[:left])
    record, remark = read_record(path, "loss")
    assert record is not None
    assert record.results == []
    assert remark == "trial mine-0003: its record is damaged; the previous version is used"


def test_a_crash_between_two_names_loses_nothing(path: Path) -> None:
    """The old one was moved aside, the new one is not in its place yet."""
    path.unlink()
    record, remark = read_record(path, "loss")
    assert record is not None
    assert "the previous version" in remark


def test_both_damaged_is_an_error_that_says_what_to_do(path: Path) -> None:
    """Nothing is guessed."""
    for file in (path, previous(path)):
        file.write_text("{")
    with pytest.raises(UserError, match=r"trial\.json, line 1.* beside it is damaged too") as caught:
        read_record(path, "loss")
    assert str(path.parent) in caught.value.todo


def test_a_trial_that_was_never_begun_has_none(tmp_path: Path) -> None:
    """Only its folder is there."""
    assert read_record(tmp_path / "trial.json", "loss") == (None, "")
