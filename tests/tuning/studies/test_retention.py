"""Which checkpoints of a study are kept and which are deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foundation.statuses import TrialStatus
from tests.tuning.studies.studies import SPACE, add_result, start_trial
from trainables.training import checkpoints
from tuning.studies import retention
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Three completed trials with the values 0.5, 0.9 and 0.7, of which two are kept, and a running one with 0.1."""
    study = Study.create(SPACE, tmp_path, "mine")
    for number, value in enumerate((0.5, 0.9, 0.7)):
        record = start_trial(study, number)
        add_result(study, record, 1.0, value)
        study.end(record.trial_id, TrialStatus.COMPLETED)
    add_result(study, start_trial(study, 3), 1.0, 0.1)
    return study


def trials_with(study: Study, file: str) -> set[str]:
    """Ids of trials that have a checkpoint with this file."""
    return {path.parts[-4] for path in study.paths.trials.glob(f"*/checkpoints/step-*/{file}")}


def names(study: Study) -> list[str]:
    return [record.trial_id for record in retention.best_trials_to_keep(study)]


def test_the_best_ended_trials_and_the_running_ones_are_kept(study: Study) -> None:
    """A running trial takes the place of none; all are ordered by their value."""
    assert names(study) == ["mine-0001", "mine-0002", "mine-0003"]
    add_result(study, study.records["mine-0003"], 2.0, 0.8)
    assert names(study) == ["mine-0001", "mine-0003", "mine-0002"]
    best = retention.best_saved_trial(study)
    assert best is not None
    assert best.trial_id == "mine-0001"


def test_models_of_worse_trials_and_optimizer_states_of_ended_ones_are_deleted(study: Study) -> None:
    """A running trial keeps everything, since it may be resumed."""
    retention.remove_unneeded_checkpoints(study)
    assert trials_with(study, "model.safetensors") == {"mine-0001", "mine-0002", "mine-0003"}
    assert trials_with(study, "optimizer.pt") == {"mine-0003"}


def test_of_an_ended_trial_only_its_best_epoch_is_kept(study: Study) -> None:
    """Its last evaluation may be worse."""
    record = study.records["mine-0003"]
    add_result(study, record, 2.0, 0.95)
    add_result(study, record, 3.0, 0.2)
    study.end(record.trial_id, TrialStatus.COMPLETED)
    retention.remove_unneeded_checkpoints(study)
    (point,) = study.checkpoints.saved(record)
    assert (point.epoch, point.resumable) == (2.0, False)
    assert names(study) == ["mine-0003", "mine-0001"]


def test_a_worse_model_without_optimizer_state_is_deleted(study: Study) -> None:
    """Two models of an ended trial, neither of which can be resumed."""
    record = study.records["mine-0003"]
    for epoch, value in ((2.0, 0.95), (3.0, 0.97)):
        add_result(study, record, epoch, value, resumable=False)
    study.checkpoints.remove(record, study.checkpoints.saved(record)[0])
    study.end(record.trial_id, TrialStatus.COMPLETED)
    retention.remove_unneeded_checkpoints(study)
    assert [point.epoch for point in study.checkpoints.saved(record)] == [3.0]


def test_a_failed_trial_keeps_no_model(study: Study) -> None:
    """Even if it had the best value before it failed."""
    add_result(study, study.records["mine-0003"], 2.0, 0.99)
    study.end("mine-0003", TrialStatus.FAILED, "NaN")
    retention.remove_unneeded_checkpoints(study)
    assert trials_with(study, "model.safetensors") == {"mine-0001", "mine-0002"}


def test_the_next_best_replaces_a_trial_whose_model_was_not_saved(study: Study) -> None:
    """A trial that was pruned at its best rung saved nothing there."""
    record = start_trial(study, 4)
    study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.8}, 1.0)
    study.end(record.trial_id, TrialStatus.PRUNED)
    assert retention.saved_model(study, record) is None
    assert names(study) == ["mine-0001", "mine-0002", "mine-0003"]


def test_a_second_run_deletes_nothing_more(study: Study) -> None:
    """The order of calls after each trial's end does not matter."""
    retention.remove_unneeded_checkpoints(study)
    before = sorted(study.paths.trials.rglob("*"))
    retention.remove_unneeded_checkpoints(study)
    assert sorted(study.paths.trials.rglob("*")) == before


def test_checkpoints_of_ended_trials_are_listed_once(study: Study) -> None:
    """`refresh` lists them again, as after a deletion by another process."""
    record = study.records["mine-0001"]
    assert len(study.checkpoints.saved(record)) == 1
    shutil.rmtree(study.paths.checkpoints(record.trial_id))
    assert len(study.checkpoints.saved(record)) == 1
    study.checkpoints.refresh()
    assert study.checkpoints.saved(record) == []


def test_leftovers_of_a_killed_process_are_deleted(tmp_path: Path) -> None:
    """Unfinished files, Ray's state, and a checkpoint after the last result on record; nothing else."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = start_trial(study, 0)
    add_result(study, record, 1.0, 0.5)
    add_result(study, record, 2.0, 0.6)
    record.results.pop()
    checkpoints.staging(study.paths.checkpoints(record.trial_id), 30).mkdir()
    (study.paths.trial(record.trial_id) / ".trial.json.7.tmp").write_text("{")
    (study.paths.root / "base_model").mkdir()
    (study.paths.root / "base_model" / ".given.7.tmp").mkdir()
    study.paths.ray.mkdir()
    retention.remove_leftovers(study)
    points = checkpoints.list_complete(study.paths.checkpoints(record.trial_id))
    assert [point.epoch for point in points] == [1.0]
    assert not study.paths.ray.exists()
    assert not list(study.paths.root.rglob(".*.tmp"))
    assert (study.paths.trial(record.trial_id) / "trial.json").is_file()


@pytest.mark.timeout(60)
def test_trials_without_checkpoints_in_a_bucket_are_not_listed_one_by_one(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand pruned trials would take a thousand requests."""
    study = Study.create(SPACE, storage_at(f"{bucket}/runs", tmp_path / "copy"), "mine")
    for number in range(2):
        record = start_trial(study, number)
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)
        study.end(record.trial_id, TrialStatus.PRUNED)
    listed: list[object] = []
    monkeypatch.setattr(checkpoints, "list_complete", listed.append)
    retention.remove_leftovers(study)
    assert listed == []


def test_the_most_bytes_that_checkpoints_can_take(tmp_path: Path) -> None:
    """Seven models for each running trial, one for each kept trial, two for the export."""
    study = Study.create(SPACE, tmp_path, "mine")
    folder = study.paths.base_model()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    assert retention.max_disk_bytes(study, slots=3) == 100 * (3 * 7 + 2 + 2)


def test_a_study_that_kept_the_first_of_equal_evaluations_has_its_model(study: Study) -> None:
    """Earlier versions did; now the one with the lowest loss counts."""
    record = start_trial(study, 4)
    add_result(study, record, 1.0, 0.95)
    study.add(record.trial_id, 2.0, 20, {"rouge_sum": 0.95, "loss": 0.7}, 1.0)
    study.end(record.trial_id, TrialStatus.COMPLETED)
    assert record.best_epoch("rouge_sum", "max") == 2.0
    for _ in range(2):
        point = retention.saved_model(study, record)
        assert point is not None
        assert point.epoch == 1.0
        retention.remove_unneeded_checkpoints(study)


def test_what_a_killed_process_left_in_memory_is_made_safe(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have renamed a record and not synced the folder; the next session is about to act on the record."""
    synced: list[str] = []
    monkeypatch.setattr(retention, "sync", lambda path: synced.append(path.name))
    retention.remove_leftovers(study)
    assert synced == [study.paths.root.parent.name, "mine", "trials", *study.records]
