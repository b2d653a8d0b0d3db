"""A training that continues from the checkpoint of another one (`train --resume-from`)."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest
from safetensors.torch import load_file

from benchmarks.small import small_study
from delivery.sessions import session
from delivery.sessions.session import Outcome
from delivery.sessions.space_options import one_configuration
from delivery.sessions.study_request import StudyRequest
from foundation.durable import write_json
from foundation.errors import UserError
from search_spaces.schema import Space
from tests.delivery.conftest import Trained
from tests.delivery.sessions.test_local_session import space_of
from trainables.training import checkpoints
from trainables.training.reports import Decision, Report
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning.jobs import make_job
from tuning.studies.records import TrialRecord
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


class Killed(Exception):
    """Ends a training at a bad moment."""


def raise_killed(*arguments: object) -> None:
    """Takes the place of a function that is never reached."""
    raise Killed


class KilledAtSecondReport:
    """Stores the first report in the study and raises at the second."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def report(self, report: Report) -> Decision:
        if report.epoch > 1:
            raise Killed
        (record,) = self._study.records.values()
        self._study.add(record.trial_id, report.epoch, report.step, report.metrics, report.seconds)
        return Decision.CONTINUE


def start(space: Space, name: str, storage: Path, checkpoint: Path | None, out: TextIO) -> Outcome:
    """Runs a new study that continues from a checkpoint."""
    return session.start(StudyRequest(space, name, storage_at(storage), resume_from=checkpoint), out)


@pytest.fixture(scope="module")
def interrupted(review_files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a training that was cut off in its second epoch."""
    folder = tmp_path_factory.mktemp("interrupted")
    space = space_of(review_files)
    study, material = small_study(folder, "interrupted", space)
    record = TrialRecord(0, "interrupted-0000", {}, dict(space.fixed), 2.0)
    study.begin(record)
    job = make_job(study, material, None)(record)
    write_json(Path(job.folder) / "job.json", job.to_plain())
    with pytest.raises(Killed):
        run_trial(job, KilledAtSecondReport(study), WorkerCache())
    first, _ = checkpoints.list_complete(Path(job.folder) / "checkpoints")  # of the first epoch and the last
    return first.path


def test_a_training_goes_on_as_if_nothing_had_been(
    interrupted: Path, storage: Path, review_files: dict[str, Path]
) -> None:
    """Only the second epoch is trained, and the weights are those of a training without a break, bit for bit."""
    out = io.StringIO()
    again = ("checkpoints.keep_best=1", "metric=loss")
    start(space_of(review_files, again), "on", storage, interrupted, out)
    whole = io.StringIO()
    start(space_of(review_files, again), "whole", storage, None, whole)
    resumed = [line for line in out.getvalue().splitlines() if line.startswith("epoch ")]
    assert len(resumed) == 1
    second = next(line for line in whole.getvalue().splitlines() if line.startswith("epoch 2/2"))
    assert resumed[0].split("eval_seconds")[0] == second.split("eval_seconds")[0]
    one, other = (load_file(storage / name / "best_model" / "model.safetensors") for name in ("on", "whole"))
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize(
    ("sets", "rows", "problem"),
    [
        ((), 40, "other training rows, tokenizer or lengths than it was trained with"),
        (("model.num_filters=8",), None, "other model than it was trained with"),
        (("num_train_epochs=1",), None, "is at epoch 1 of 1"),
    ],
)
def test_another_training_is_not_gone_on_with(
    interrupted: Path,
    storage: Path,
    review_files: dict[str, Path],
    sets: tuple[str, ...],
    rows: int | None,
    problem: str,
) -> None:
    """Its token ids would mean other pieces, or there is nothing left to train; no study is left behind."""
    space = one_configuration(space_of(review_files, sets), rows)
    with pytest.raises(UserError, match=problem):
        start(space, "other", storage, interrupted, io.StringIO())
    assert not (storage / "other").exists()


def test_the_best_before_the_break_stays_the_best(
    interrupted: Path, storage: Path, review_files: dict[str, Path], tmp_path: Path
) -> None:
    """Had the first epoch been perfect, its model would be the one that is exported."""
    trial = shutil.copytree(interrupted.parents[1], tmp_path / "trial")
    record = json.loads((trial / "trial.json").read_text())
    record["results"][0]["metrics"]["accuracy"] = 1.0
    (trial / "trial.json").write_text(json.dumps(record))
    point = trial / "checkpoints" / interrupted.name
    outcome = start(space_of(review_files), "perfect", storage, point, io.StringIO())
    assert outcome.summary.best is not None
    assert (outcome.summary.best.epoch, outcome.summary.best.value) == (1.0, 1.0)
    one, other = (load_file(folder / "model.safetensors") for folder in (storage / "perfect" / "best_model", point))
    assert all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize("moment", ["prepared", "taken over"])
def test_a_training_that_was_interrupted_before_its_first_epoch_continues_from_the_checkpoint(
    interrupted: Path, storage: Path, review_files: dict[str, Path], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while it was prepared, or after the checkpoint was copied: `resume` trains the second epoch only."""
    name = moment.replace(" ", "-")
    with monkeypatch.context() as broken:
        if moment == "prepared":
            broken.setattr(session, "take_over", raise_killed)
        else:
            broken.setattr(Study, "begin", raise_killed)
        with pytest.raises(Killed):
            start(space_of(review_files), name, storage, interrupted, io.StringIO())
    out = io.StringIO()
    session.resume(name, storage_at(storage), out)
    epochs = [line.split()[1] for line in out.getvalue().splitlines() if line.startswith("epoch ")]
    assert epochs == ["2/2"]


def test_a_checkpoint_that_is_gone_before_it_was_taken_over_is_missed(
    interrupted: Path, storage: Path, review_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The study does not train from the start instead."""
    trial = shutil.copytree(interrupted.parents[1], tmp_path / "trial")
    with monkeypatch.context() as broken:
        broken.setattr(session, "take_over", raise_killed)
        with pytest.raises(Killed):
            start(space_of(review_files), "gone", storage, trial / "checkpoints" / interrupted.name, io.StringIO())
    shutil.rmtree(trial)
    with pytest.raises(UserError, match=r"study .gone. was to continue from a checkpoint: .* is no complete"):
        session.resume("gone", storage_at(storage), io.StringIO())


def test_a_dry_run_checks_the_checkpoint(
    interrupted: Path, review_files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the run does; a path relative to the working directory is one as well."""
    request = StudyRequest(space_of(review_files), "dry", storage_at(tmp_path), resume_from=tmp_path / "none")
    with pytest.raises(UserError, match="is no complete checkpoint"):
        session.dry_run(request, io.StringIO())
    monkeypatch.chdir(interrupted)
    assert session.dry_run(replace(request, resume_from=Path(".")), io.StringIO())


def test_what_cannot_be_gone_on_from_is_refused(
    interrupted: Path, cnn: Trained, storage: Path, review_files: dict[str, Path]
) -> None:
    """No checkpoint, and one that holds a finished model; nothing is written."""
    (finished,) = (storage / "cnn-study" / "trials").glob("*/checkpoints/step-*")
    for folder, problem in ((interrupted.parent, "is no complete checkpoint"), (finished, "nothing to go on from")):
        with pytest.raises(UserError, match=problem):
            start(space_of(review_files), "refused", storage, folder, io.StringIO())
    assert not (storage / "refused").exists()
