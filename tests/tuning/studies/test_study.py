"""Records and folders of a study, and which models stay."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path

import pytest

from foundation import durable
from foundation.errors import UserError
from search_spaces.draft import from_dict
from trainables.training import checkpoints
from tuning.studies import retention
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

SPACE = from_dict({"mode": "max", "metric": "rouge_sum", "checkpoints": {"keep_best": 2}}, "test")


def begun(study: Study, number: int) -> TrialRecord:
    """A trial that has started."""
    record = TrialRecord(number, f"{study.name}-{number:04d}", {"num_beams": number}, {}, 3.0, is_default=number == 0)
    study.begin(record)
    return record


def saved(study: Study, record: TrialRecord, epoch: float, value: float) -> None:
    """A result, and the checkpoint of it."""
    step = int(epoch * 10)
    study.add(record.trial_id, epoch, step, {"rouge_sum": value}, 1.0)
    folder = study.paths.checkpoints(record.trial_id)
    staging = checkpoints.staging(folder, step)
    staging.mkdir(parents=True)
    (staging / "model.safetensors").write_bytes(b"weights")
    (staging / "optimizer.pt").write_bytes(b"state")
    checkpoints.complete(folder, step, epoch=epoch, resumable=True)


def test_a_study_is_read_back_as_it_was(tmp_path: Path) -> None:
    """Space, records, results and their order survive the process."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)
    study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 2.0)
    begun(study, 1)
    study.end(record.trial_id, "pruned")
    again = Study.load(tmp_path, "mine")
    assert again.space == SPACE
    assert again.records == study.records
    assert again.add("mine-0001", 1.0, 10, {"rouge_sum": 0.4}, 2.0)
    assert again.records["mine-0001"].results[0].order == 2


def test_a_trial_that_had_enough_is_known(tmp_path: Path) -> None:
    """It completed before its last epoch; one that was stopped by others did not have enough."""
    study = Study.create(SPACE, tmp_path, "mine")
    for number, (epoch, status) in enumerate(((2.0, "completed"), (3.0, "completed"), (2.0, "pruned"))):
        record = begun(study, number)
        study.add(record.trial_id, epoch, 20, {"rouge_sum": 0.5}, 1.0)
        study.end(record.trial_id, status)
    assert [record.stopped_early for record in study.records.values()] == [True, False, False]


def test_a_repeated_result_is_not_counted_twice(tmp_path: Path) -> None:
    """A trial that goes on from an older checkpoint repeats what was known."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)
    assert study.add(record.trial_id, 2.0, 20, {"rouge_sum": 0.5}, 1.0)
    assert not study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.4}, 1.0)
    assert not study.add(record.trial_id, 2.0, 20, {"rouge_sum": 0.5}, 1.0)
    assert len(record.results) == 1


def test_a_study_is_not_created_over_another(tmp_path: Path) -> None:
    """And the message says how to go on with it."""
    Study.create(SPACE, tmp_path, "mine")
    with pytest.raises(UserError, match="resume mine"):
        Study.create(SPACE, tmp_path, "mine")


def test_a_study_appears_with_its_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed before takes no name."""

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


def test_an_unknown_study_has_a_nearest_name(tmp_path: Path) -> None:
    """Those that are there are listed."""
    Study.create(SPACE, tmp_path, "monday")
    with pytest.raises(UserError, match="did you mean 'monday'") as caught:
        Study.load(tmp_path, "mondey")
    assert "monday" in caught.value.allowed


def test_the_best_of_a_trial_is_not_its_last(tmp_path: Path) -> None:
    """A trial counts with its best evaluation; the earliest wins a tie."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)
    for epoch, value in ((1.0, 0.4), (2.0, 0.7), (3.0, 0.7)):
        study.add(record.trial_id, epoch, 1, {"rouge_sum": value}, 1.0)
    assert record.best_epoch("rouge_sum", "max") == 2.0
    assert record.best_epoch("rouge_sum", "min") == 1.0


def test_the_best_until_an_epoch(tmp_path: Path) -> None:
    """What a trial had when another one was stopped."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)
    for epoch, value in ((1.0, 0.3), (2.0, 0.2), (3.0, 0.5)):
        study.add(record.trial_id, epoch, int(epoch), {"rouge_sum": value}, epoch)
    found = study.records[record.trial_id]
    assert found.best_value("rouge_sum", "max", until=2.0) == 0.3
    assert found.best_value("rouge_sum", "max") == 0.5
    assert found.best_value("rouge_sum", "max", until=0.5) is None


def test_only_the_best_of_the_study_stay(tmp_path: Path) -> None:
    """Two of three ended trials keep their best model, stripped; a running one keeps all it needs."""
    study = Study.create(SPACE, tmp_path, "mine")
    for number, value in enumerate((0.5, 0.9, 0.7)):
        record = begun(study, number)
        saved(study, record, 1.0, value)
        study.end(record.trial_id, "completed")
    running = begun(study, 3)
    saved(study, running, 1.0, 0.1)
    retention.remove_unneeded_checkpoints(study)
    left = {path.relative_to(study.paths.trials).parts[0] for path in study.paths.trials.glob("*/checkpoints/step-*")}
    assert left == {"mine-0001", "mine-0002", "mine-0003"}
    resumable = {path.parts[-4] for path in study.paths.trials.glob("*/checkpoints/*/optimizer.pt")}
    assert resumable == {"mine-0003"}
    # The running trial is on disk too, but took nobody's place.
    best = retention.best_trials_to_keep(study)
    assert [record.trial_id for record in best] == ["mine-0001", "mine-0002", "mine-0003"]


def test_records_are_plain_json(tmp_path: Path) -> None:
    """Anyone can read them."""
    study = Study.create(SPACE, tmp_path, "mine")
    begun(study, 0)
    entry = json.loads((study.paths.trial("mine-0000") / "trial.json").read_text(encoding="utf-8"))
    assert entry["parameters"] == {"num_beams": 0}
    assert entry["is_default"] is True


def test_listeners_stay_in_their_process(tmp_path: Path) -> None:
    """Ray pickles a study with the searcher; a listener may hold locks and terminals."""
    study = Study.create(SPACE, tmp_path, "mine")
    numbers: list[int] = []
    study.observe(lambda record: numbers.append(record.number + 1))
    begun(study, 0)
    begun(pickle.loads(pickle.dumps(study)), 1)
    assert numbers == [1]


def test_what_dead_attempts_left_is_removed(tmp_path: Path) -> None:
    """Half-written files, Ray's state, and a checkpoint after the last result that is known; nothing else."""
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)
    saved(study, record, 1.0, 0.5)
    saved(study, record, 2.0, 0.6)
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


def test_a_record_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some patience."""
    monkeypatch.setattr(durable, "PAUSES", ())
    study = Study.create(SPACE, tmp_path, "mine")
    record = begun(study, 0)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(durable.StorageLost, match=r"the record of trial mine-0000 cannot be written: .*No space left"):
        study.add(record.trial_id, 1.0, 10, {"rouge_sum": 0.5}, 1.0)


def test_the_most_that_checkpoints_may_take(tmp_path: Path) -> None:
    """Seven models for a trial that runs, one for each that is kept, two for the export."""
    study = Study.create(SPACE, tmp_path, "mine")
    folder = study.paths.base_model()
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"x" * 100)
    assert retention.max_disk_bytes(study, slots=3) == 100 * (3 * 7 + 2 + 2)
