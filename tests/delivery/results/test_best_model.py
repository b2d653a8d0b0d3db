"""The model that a study exports; the model of a better trial that is lost is never passed over in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from delivery.results.best_model import best_model
from foundation.statuses import TrialStatus
from tests.tuning.studies.studies import SPACE, add_result, start_trial
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


def ended(study: Study, number: int, values: list[float], status: TrialStatus = TrialStatus.COMPLETED) -> Path:
    """Adds a trial with a result and a checkpoint per epoch; returns the folder of its best checkpoint."""
    record = start_trial(study, number)
    for epoch, value in enumerate(values, start=1):
        add_result(study, record, epoch, value)
    study.end(record.trial_id, status)
    best = values.index(max(values)) + 1
    return study.paths.checkpoints(record.trial_id) / f"step-{best * 10:08d}"


def flip_a_bit(path: Path) -> None:
    """Changes one bit; the size stays."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Two trials: the second is the best."""
    study = Study.create(SPACE, storage_at(tmp_path), "mine")
    ended(study, 0, [0.5])
    ended(study, 1, [0.9, 0.8])
    return study


def best_point(study: Study) -> Path:
    """The checkpoint of the best evaluation."""
    return study.paths.checkpoints("mine-0001") / "step-00000010"


def test_the_best_model(study: Study) -> None:
    """It is at the epoch of its best evaluation, and nothing is lost."""
    chosen = best_model(study)
    assert chosen is not None
    assert chosen.record.trial_id == "mine-0001"
    assert chosen.point is not None
    assert chosen.point.path == best_point(study)
    assert chosen.lost == ()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda point: (point / "model.safetensors").unlink(), "is lost: its checkpoint is missing or incomplete"),
        (lambda point: (point / "manifest.json").write_text("{"), "is lost"),
        (lambda point: point.rename(point.parent / "away"), "is lost"),
        (lambda point: point.parent.rename(point.parent.parent / "away"), "is lost"),
        (lambda point: flip_a_bit(point / "model.safetensors"), "is damaged: step-00000010/model.safetensors"),
    ],
)
def test_a_lost_model_is_not_replaced_unless_that_is_asked_for(
    damage: Callable[[Path], object], sentence: str, study: Study
) -> None:
    """The sentence names the trial, its score and the file."""
    damage(best_point(study))
    study.checkpoints.refresh()
    chosen = best_model(study)
    assert chosen is not None
    assert (chosen.record.trial_id, chosen.point) == ("mine-0001", None)
    assert f"the model of trial mine-0001 (rouge_sum 0.9000) {sentence}" in chosen.lost[0]
    other = best_model(study, next_best=True)
    assert other is not None
    assert other.record.trial_id == "mine-0000"
    assert other.point is not None
    assert other.lost == chosen.lost


def test_checksums_are_compared_only_on_request(study: Study) -> None:
    """`status` reads no weights."""
    flip_a_bit(best_point(study) / "model.safetensors")
    chosen = best_model(study, verify=False)
    assert chosen is not None
    assert chosen.point is not None


def test_a_model_that_was_never_saved_is_not_lost(study: Study) -> None:
    """A trial that is pruned at its best evaluation saves nothing there, and a running one may be about to."""
    for number, status in ((2, TrialStatus.PRUNED), (3, None), (4, TrialStatus.FAILED)):
        record = start_trial(study, number)
        study.add(record.trial_id, 1, 10, {"rouge_sum": 0.95}, 1.0)
        if status is not None:
            study.end(record.trial_id, status)
    chosen = best_model(study)
    assert chosen is not None
    assert chosen.record.trial_id == "mine-0001"
    assert chosen.lost == ()


def test_a_study_without_models_has_none(tmp_path: Path) -> None:
    """No trial was evaluated."""
    assert best_model(Study.create(SPACE, storage_at(tmp_path), "new")) is None
