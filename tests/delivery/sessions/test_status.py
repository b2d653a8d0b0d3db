"""The status of a study."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from delivery.sessions.status import status_lines, study_status
from foundation.errors import UserError
from search_spaces.draft import from_dict
from search_spaces.schema import Budget
from tests.delivery.results.summaries import BEST, a_summary
from tests.tuning.studies.studies import SPACE, add_result, start_trial
from trainables.training.reports import StepProgress
from tuning.progress_note import ProgressNote, elapsed_before, running_trial, write_progress
from tuning.studies.lock import study_lock
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


def test_a_running_study(tmp_path: Path) -> None:
    """The lines show trials, the best so far, the process, its slots and its time."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    for number, value in enumerate((0.5, 0.7)):
        record = start_trial(study, number)
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": value}, 1.0)
    study.end("mine-0000", "completed")
    note = {"slots": 2, "plan": "1 to 4 slots", "machines": ["a", "b"], "elapsed_seconds": 60.0, "seconds_left": 30.0}
    note |= {"metric": "rouge_sum (kiwi-morphemes (kiwipiepy 1, model 2))", "written_at": 4e9}
    study.paths.progress.write_text(json.dumps(note))  # a clock that is ahead must not raise
    with study_lock(study.paths.lock_owner, "mine"):
        lines = status_lines(study_status("mine", storage_at(tmp_path / "runs")))
    assert "running on" in lines[0]
    assert "1 completed, 0 pruned, 0 failed, 1 running" in lines[1]
    assert "rouge_sum (kiwi-morphemes (kiwipiepy 1, model 2)) 0.7000" in lines[2]
    assert "mine-0001, epoch 1" in lines[2]
    assert "default  0.5000" in lines
    assert "slots    2 on a, b  (1 to 4 slots)" in lines
    assert "about 0:30 left" in lines[-1]


def test_the_status_shows_where_running_trials_are(tmp_path: Path) -> None:
    """Epoch, steps and speed; the time left is as the search itself shows it."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    start_trial(study, 0)
    trains = StepProgress(step=1430, epoch=1.43, timed_steps=10, training_seconds=4.0)
    evaluates = StepProgress(step=1000, epoch=1.0, evaluated=0.4)
    trials = [running_trial(number, 5.0, steps) for number, steps in enumerate((trains, evaluates, None))]
    running = [trial for trial in trials if trial is not None]
    left = "at most 1:00:00 left + evaluations"
    note = ProgressNote("rouge_sum", 2, "2 slots", ["a"], 60.0, 3600.0, 4e9, left, running)
    write_progress(study.paths.progress, note)
    with study_lock(study.paths.lock_owner, "mine"):
        status = study_status("mine", storage_at(tmp_path / "runs"))
        lines = status_lines(status)
    assert "running  trial 0: epoch 1.43/5, 1,430/5,000 steps, 2.5 steps/s" in lines
    assert "running  trial 1: epoch 1.00/5, 1,000/5,000 steps, evaluating, 40% done" in lines
    assert not any("trial 2" in line for line in lines)
    assert lines[-1].endswith(f", {left}")
    assert status.to_dict()["progress"]["running"][0]["step"] == 1430
    assert elapsed_before(study.paths.progress, recorded=40.0) == 60.0  # this session was killed before its summary
    assert elapsed_before(study.paths.progress, recorded=70.0) == 70.0
    assert elapsed_before(study.paths.summary, recorded=40.0) == 40.0  # no note
    write_progress(study.paths.progress, msgspec.structs.replace(note, running=running[:1] * 20))
    with study_lock(study.paths.lock_owner, "mine"):
        assert "running  12 more" in status_lines(study_status("mine", storage_at(tmp_path / "runs")))


def test_a_study_that_does_not_run(tmp_path: Path) -> None:
    """Its state is not running, interrupted or finished; the lines show no slots."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    lines = status_lines(study_status("mine", storage_at(tmp_path / "runs")))
    assert lines[0].endswith("not running")
    assert len(lines) == 3
    assert lines[2] == f"resume   python cli.py resume mine --storage {tmp_path}/runs"
    start_trial(study, 0)
    lines = status_lines(study_status("mine", storage_at(tmp_path / "runs")))
    assert lines[0].endswith("interrupted")
    assert "0 failed, 1 interrupted" in lines[1]
    assert lines[-1].startswith("resume   ")
    study.end("mine-0000", "pruned")
    study.change_space(replace(study.space, budget=replace(study.space.budget, trials=1)))
    assert status_lines(study_status("mine", storage_at(tmp_path / "runs")))[0].endswith("finished")
    with pytest.raises(UserError, match="no study 'yours'"):
        study_status("yours", storage_at(tmp_path / "runs"))


def test_the_status_says_that_an_export_was_interrupted(tmp_path: Path) -> None:
    """All trials have ended, and the summary, which is written after the export, is missing or of an earlier best."""
    study = Study.create(replace(SPACE, budget=Budget(trials=2)), tmp_path / "runs", "mine")
    for number, value in enumerate((0.5, 0.7)):
        add_result(study, start_trial(study, number), 1.0, value)

    def lines() -> list[str]:
        return status_lines(study_status("mine", storage_at(tmp_path / "runs")))

    study.end("mine-0000", "completed")
    assert not any(line.startswith("export") for line in lines())  # interrupted: resume exports
    study.end("mine-0001", "completed")
    expected = [
        "export   the last session ended before it had exported the best model",
        f"resume   python cli.py resume mine --storage {tmp_path}/runs",
    ]
    assert lines()[-2:] == expected
    for trial, is_missing in (("mine-0000", True), ("mine-0001", False)):
        a_summary(best=msgspec.structs.replace(BEST, trial=trial)).save(study.paths.summary)
        assert (lines()[-2:] == expected) is is_missing
    study.paths.summary.write_text("{")
    assert lines()[-2:] == expected


def test_the_status_says_that_nothing_is_left_to_try(tmp_path: Path) -> None:
    """As the last lines of the search did."""
    space = from_dict({**SPACE.to_dict(), "search": {"num_beams": {"int": [0, 1]}}, "budget": {"trials": 2}}, "test")
    study = Study.create(space, tmp_path / "runs", "mine")
    for number in range(2):
        start_trial(study, number).config = {"num_beams": number}
        study.end(f"mine-{number:04d}", "pruned")
    status = study_status("mine", storage_at(tmp_path / "runs"))
    assert "note     every configuration of the space has been tried: 2 trials" in status_lines(status)


def test_a_process_that_was_killed_leaves_no_running_study(tmp_path: Path) -> None:
    """`status` says at once that nothing runs, and how to continue."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    owner = {"host": platform.node(), "pid": 2**22 + 1, "since": 1.0, "seen": time.time()}
    study.paths.lock_owner.write_text(json.dumps(owner))
    study.paths.lock_owner.with_suffix(".lock").touch()
    lines = status_lines(study_status("mine", storage_at(tmp_path / "runs")))
    assert lines[0].endswith("not running")
    assert lines[-1].startswith("resume   ")


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    """Its previous version lacks the last result. A running study replaces its records, and is not damaged."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    add_result(study, start_trial(study, 0), 1.0, 0.5)
    (study.paths.trial("mine-0000") / "trial.json").write_text("{", encoding="utf-8")
    told = "warning  trial mine-0000: its record is damaged; the previous version is used"
    assert told in status_lines(study_status("mine", storage_at(tmp_path / "runs")))
    with study_lock(study.paths.lock_owner, "mine"):
        assert told not in status_lines(study_status("mine", storage_at(tmp_path / "runs")))


def test_a_fifo_in_the_place_of_the_log_is_not_waited_for(tmp_path: Path) -> None:
    """The age is unknown then."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    os.mkfifo(study.paths.log)
    assert study_status("mine", storage_at(tmp_path / "runs")).age is None


def test_a_recipe_default_that_was_stopped_is_told(tmp_path: Path) -> None:
    """Its score is not that of a whole training."""
    study = Study.create(SPACE, tmp_path / "runs", "mine")
    record = start_trial(study, 0)
    add_result(study, record, 1.0, 0.25)
    study.end(record.trial_id, "pruned")
    assert "default  0.2500, pruned at epoch 1" in status_lines(study_status("mine", storage_at(tmp_path / "runs")))
