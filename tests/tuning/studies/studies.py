"""Small studies with records and checkpoints made by hand."""

from __future__ import annotations

from search_spaces.draft import from_dict
from trainables.training import checkpoints
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

SPACE = from_dict({"mode": "max", "metric": "rouge_sum", "checkpoints": {"keep_best": 2}}, "test")


def start_trial(study: Study, number: int) -> TrialRecord:
    """Adds a running trial without results; trial 0 is the recipe default."""
    record = TrialRecord(number, f"{study.name}-{number:04d}", {"num_beams": number}, {}, 3.0, is_default=number == 0)
    study.begin(record)
    return record


def add_result(study: Study, record: TrialRecord, epoch: float, value: float, *, resumable: bool = True) -> None:
    """Adds a result and its checkpoint, of ten steps per epoch."""
    step = int(epoch * 10)
    study.add(record.trial_id, epoch, step, {"rouge_sum": value}, 1.0)
    folder = study.paths.checkpoints(record.trial_id)
    staging = checkpoints.staging(folder, step)
    staging.mkdir(parents=True)
    (staging / "model.safetensors").write_bytes(b"weights")
    (staging / "optimizer.pt").write_bytes(b"state")
    checkpoints.complete(folder, step, epoch=epoch, resumable=resumable)
