"""Studies: created, written, read back, and never overwritten."""

from __future__ import annotations

import errno
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foundation import durable
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from tests.tuning.studies.studies import SPACE, start_trial
from tuning.studies.study import Study


def test_a_study_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Space, records, results and their order are on disk."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = start_trial(study, 0)
    study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 2.0)
    start_trial(study, 1)
    study.end(record.trial_id, TrialStatus.PRUNED)
    again = Study.load(tmp_path, "mine")
    assert again.space == SPACE
    assert again.records == study.records
    assert again.add("mine-0001", 1.0, 10, {"rouge_sum": 0.4}, 2.0)
    assert again.records["mine-0001"].results[0].order == 2


def test_records_are_ordered_by_trial_number(tmp_path: Path) -> None:
    """Whatever the order of their folders: after 10,000 trials names no longer sort by number."""
    study = Study.create(SPACE, tmp_path, "mine")
    for number in (10_000, 9_999):
        start_trial(study, number)
    assert [record.number for record in Study.load(tmp_path, "mine").records.values()] == [9_999, 10_000]


def test_a_repeated_result_is_not_counted_twice(tmp_path: Path) -> None:
    """A trial that resumes from an older checkpoint repeats evaluations."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = start_trial(study, 0)
    assert study.add(record.trial_id, 2.0, 20, {"rouge_sum": 0.5}, 1.0)
    assert not study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.4}, 1.0)
    assert not study.add(record.trial_id, 2.0, 20, {"rouge_sum": 0.5}, 1.0)
    assert len(record.results) == 1


@pytest.mark.parametrize(("metric", "setting"), [("rdass", "rdass_encoder"), ("accuracy", "correct_labels")])
def test_an_edited_metric_that_needs_a_setting_is_refused(metric: str, setting: str, tmp_path: Path) -> None:
    """No evaluation has it, so that every trial would fail."""
    study = Study.create(replace(SPACE, task="seq2seq"), tmp_path, "mine")
    text = study.paths.space.read_text(encoding="utf-8")
    study.paths.space.write_text(text.replace("metric: rouge_sum", f"metric: {metric}"), encoding="utf-8")
    with pytest.raises(UserError, match=f"study.yaml: metric is '{metric}', which needs {setting}") as caught:
        Study.load(tmp_path, "mine")
    assert caught.value.allowed.startswith("bleu_1, ")


def test_a_study_is_not_created_over_another(tmp_path: Path) -> None:
    """The message has the command that resumes the existing one."""
    Study.create(SPACE, tmp_path, "mine")
    with pytest.raises(UserError, match="resume mine"):
        Study.create(SPACE, tmp_path, "mine")


def test_a_study_appears_together_with_its_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill before leaves no folder, so the name stays free."""

    def killed(study: Study) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Study, "save_space", killed)
        with pytest.raises(KeyboardInterrupt):
            Study.create(SPACE, tmp_path, "mine")
    with pytest.raises(UserError, match="no study 'mine'"):
        Study.load(tmp_path, "mine")
    Study.create(SPACE, tmp_path, "mine")
    assert Study.load(tmp_path, "mine").space == SPACE
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700


def test_an_unknown_study_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    """The existing studies are listed."""
    Study.create(SPACE, tmp_path, "monday")
    with pytest.raises(UserError, match="did you mean 'monday'") as caught:
        Study.load(tmp_path, "mondey")
    assert "monday" in caught.value.allowed


def test_a_changed_space_is_written_unless_it_is_of_this_process_alone(tmp_path: Path) -> None:
    """`resume --trials` is written; consent to a model's code is not."""
    study = Study.create(SPACE, tmp_path, "mine")
    study.change_space(replace(SPACE, trust_remote_code=True), save=False)
    assert study.space.trust_remote_code
    assert Study.load(tmp_path, "mine").space == SPACE
    larger = replace(SPACE, budget=replace(SPACE.budget, trials=77))
    study.change_space(larger)
    assert Study.load(tmp_path, "mine").space == larger


@pytest.mark.parametrize("is_permanent", [False, True])
def test_a_tentative_study_is_deleted_after_a_mistake(tmp_path: Path, is_permanent: bool) -> None:
    """Only until the study is made permanent."""
    study = Study.create(SPACE, tmp_path, "mine")

    def prepare() -> None:
        with study.tentative() as make_permanent:
            if is_permanent:
                make_permanent()
            raise UserError("a bad row", "two fields", "fix it")

    with pytest.raises(UserError, match="a bad row"):
        prepare()
    assert study.paths.root.exists() is is_permanent


def test_records_are_plain_json(tmp_path: Path) -> None:
    """Other programs can read them."""
    study = Study.create(SPACE, tmp_path, "mine")
    start_trial(study, 0)
    entry = json.loads((study.paths.trial("mine-0000") / "trial.json").read_text(encoding="utf-8"))
    assert entry["parameters"] == {"num_beams": 0}
    assert entry["is_default"] is True
    assert entry["status"] == "running"


def test_observers_are_called_after_the_record_was_written(tmp_path: Path) -> None:
    """An observer may act on the change, which must survive a crash by then."""
    study = Study.create(SPACE, tmp_path, "mine")
    written: list[str] = []
    file = study.paths.trial("mine-0000") / "trial.json"
    study.observe(lambda record: written.append(json.loads(file.read_text(encoding="utf-8"))["status"]))
    start_trial(study, 0)
    study.end("mine-0000", TrialStatus.FAILED, "NaN")
    assert written == ["running", "failed"]


def test_observers_stay_in_their_process(tmp_path: Path) -> None:
    """Ray pickles a study with the searcher; an observer may have locks and terminals."""
    study = Study.create(SPACE, tmp_path, "mine")
    numbers: list[int] = []
    study.observe(lambda record: numbers.append(record.number))
    start_trial(study, 0)
    start_trial(pickle.loads(pickle.dumps(study)), 1)
    assert numbers == [0]


def test_a_record_that_cannot_be_written_raises_storage_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the retries, with the name of the trial; the first error is the one that is shown."""
    monkeypatch.setattr(durable, "PAUSES", ())
    study = Study.create(SPACE, tmp_path, "mine")
    record = start_trial(study, 0)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    message = r"the record of trial mine-0000 cannot be written: .*No space left"
    with pytest.raises(durable.StorageLost, match=message) as caught:
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)
    study.set_storage_error(caught.value)
    study.set_storage_error(durable.StorageLost("later"))
    assert study.storage_error is caught.value


def test_a_study_that_has_lost_its_storage_writes_nothing_more(tmp_path: Path) -> None:
    """A result on record without an earlier one that was lost would not repeat the decision that followed from both."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = start_trial(study, 0)
    study.set_storage_error(durable.StorageLost("the disk is full"))
    with pytest.raises(durable.StorageLost, match="the disk is full"):
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)
    assert Study.load(tmp_path, "mine").records[record.trial_id].results == []


def test_a_new_trial_waits_for_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is made as patiently as its record is written."""
    study, failures = Study.create(SPACE, tmp_path, "mine"), [OSError(errno.ENOSPC, "No space left on device")]
    monkeypatch.setattr(durable, "PAUSES", (0.0,))
    real = Path.mkdir

    def mkdir(self: Path, *args: Any, **options: Any) -> None:
        if failures:
            raise failures.pop()
        real(self, *args, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    record = start_trial(study, 0)
    assert failures == []
    assert study.paths.trial(record.trial_id).is_dir()
