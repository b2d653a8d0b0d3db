"""Sessions of one configuration in this process, as `train` and `resume` run them."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.inference.predict import predict_file
from delivery.sessions import session
from delivery.sessions.finalize import export_study
from delivery.sessions.session import Outcome
from delivery.sessions.space_options import one_configuration, resolve_space
from delivery.sessions.status import study_status
from delivery.sessions.study_data import write_embedded_sample
from delivery.sessions.study_request import StudyRequest
from foundation.errors import UserError
from foundation.statuses import SessionEnd, TrialStatus
from search_spaces.resolve import list_spaces
from search_spaces.schema import Space
from tests.delivery.conftest import Trained, trained
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.registry import get_task_class
from tuning import local_run, preparation
from tuning.algorithms import optuna_storage
from tuning.display.live import SilentView
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


def space_of(files: dict[str, Path], sets: tuple[str, ...] = ()) -> Space:
    """The CNN's one configuration: two epochs of 300 reviews."""
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    quick = ["num_train_epochs=2", "per_device_train_batch_size=16", "wandb.mode=disabled", *sets]
    return one_configuration(resolve_space("cnn", options, quick, [], None), None)


def run(space: Space, name: str, storage: Path) -> tuple[Outcome, list[str]]:
    """Runs a new study; returns its outcome and the lines that it showed."""
    out = io.StringIO()
    outcome = session.start(StudyRequest(space, name, storage_at(storage)), out)
    return outcome, out.getvalue().splitlines()


def test_a_missing_sample_is_written_once(tmp_path: Path) -> None:
    """A study that was killed before its sample was written gets it with the next session."""
    Study.create(resolve_space("cnn", {}, [], [], None), tmp_path, "mine")
    study = Study.load(tmp_path, "mine")
    splits = write_embedded_sample(study, SilentView())
    assert splits is not None
    again = Study.load(tmp_path, "mine")
    assert write_embedded_sample(again, SilentView()) is None
    assert preparation.read(again.space).described() == splits.described()


def test_a_filter_of_training_rows_leaves_dev_and_test(storage: Path, review_files: dict[str, Path]) -> None:
    """`filters.sample` is about training rows only."""
    result = trained("cnn", "sampled", storage, review_files, ["filters.sample=20"])
    assert [result.summary.data[split].rows for split in ("train", "dev", "test")] == [20, 41, 23]
    assert (result.summary.trials.total, result.summary.trials.completed) == (1, 1)
    assert (result.model / "model.safetensors").is_file()


@pytest.mark.parametrize("space", list_spaces())
def test_every_space_trains_on_its_sample(space: str, storage: Path) -> None:
    """From the sample's files to a model that predicts, as `train SPACE --rows 64`."""
    quick = ["num_train_epochs=1", "scheduler.name=none", "wandb.mode=disabled"]
    if get_task_class(resolve_space(space, {}, [], [], None).task).is_generative:
        quick.append("max_new_tokens=8")  # a model after one epoch does not end its texts
    single = one_configuration(resolve_space(space, {}, quick, [], None), 64)
    outcome, _ = run(single, f"sample-{space}", storage)
    assert outcome.end is SessionEnd.DONE
    assert [outcome.summary.data[split].rows for split in ("train", "dev", "test")] == [64, 64, 64]
    assert outcome.summary.test is not None
    assert outcome.summary.test.rows == 64
    folder = storage / f"sample-{space}"
    (test,) = (folder / "sample_data").glob("test.*")
    assert predict_file(folder / "best_model", test, storage / f"{space}.csv", 32, PredictionFormat()) == 200


def test_a_training_shows_what_a_search_shows(storage: Path, review_files: dict[str, Path]) -> None:
    """One line per evaluation, then counts, best, test, model and next; the log has the same lines."""
    _, lines = run(space_of(review_files), "shown", storage)
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/2", "2/2"]
    assert [line.split()[0] for line in lines[-5:]] == ["1", "best", "test", "model", "next"]
    assert all(line.strip() for line in lines)
    assert json.loads((storage / "shown" / "summary.json").read_text())["best"]["epoch"] in (1.0, 2.0)
    log = (storage / "shown" / "log.txt").read_text(encoding="utf-8").splitlines()
    assert log[0].startswith("---- 20")
    assert log[1:] == lines


def test_early_stopping_is_shown(storage: Path, review_files: dict[str, Path]) -> None:
    """A rate of zero learns nothing, so the second of five evaluations is the last."""
    sets = ("num_train_epochs=5", "learning_rate=0", "early_stopping_patience=1")
    _, lines = run(space_of(review_files, sets), "patient", storage)
    assert "no better value in 1 evaluation: training ends early" in lines
    assert not [line for line in lines if line.startswith("epoch 3/5")]


def test_a_failed_training_ends_like_a_failed_trial(storage: Path, review_files: dict[str, Path]) -> None:
    """The record has the reason; the lines name the trace and the command that runs the trial alone."""
    outcome, lines = run(space_of(review_files, ("learning_rate=1e30", "max_grad_norm=0")), "diverged", storage)
    assert (outcome.end, outcome.summary.best) == (SessionEnd.DONE, None)
    (failure,) = outcome.summary.failures
    assert failure.trace is not None
    assert "Traceback" in failure.trace
    assert f"failed   diverged-0000: {failure.reason}" in lines
    assert "no trial gave a model" in lines
    assert study_status("diverged", storage_at(storage)).trials[TrialStatus.FAILED] == 1


def test_a_running_training_is_locked(
    storage: Path, review_files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it runs, `status` says so and prints no `resume`, and a second process is refused."""
    states: list[str] = []

    def training(*arguments: object) -> None:
        states.append(study_status("locked", storage_at(storage)).state)
        with pytest.raises(UserError, match="'locked'"):
            session.resume("locked", storage_at(storage), io.StringIO())
        raise local_run.Interrupted

    monkeypatch.setattr(local_run, "run_trial", training)
    outcome, lines = run(space_of(review_files), "locked", storage)
    assert states == ["running"]
    assert outcome.end is SessionEnd.INTERRUPTED
    assert lines[-1].startswith("resume   ")
    assert study_status("locked", storage_at(storage)).state == "interrupted"


def test_a_locked_database_is_reported_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By `resume`, with what to do."""
    monkeypatch.setattr(optuna_storage, "_BUSY_SECONDS", 0.01)
    study = Study.create(resolve_space("cnn", {}, [], [], None), tmp_path, "mine")
    optuna_storage.open_study(study.paths.optuna, study.space)
    with closing(sqlite3.connect(study.paths.optuna, isolation_level=None)) as browser:
        browser.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="is locked by another program"):
            session.resume("mine", storage_at(tmp_path), io.StringIO())
    assert not study.paths.log.exists()


def test_a_finished_training_stays_as_it_is(cnn: Trained) -> None:
    """`resume` trains nothing and keeps the test score; it asks for no more trials."""
    before = (cnn.model / "model.safetensors").read_bytes()
    out = io.StringIO()
    outcome = session.resume(cnn.name, storage_at(cnn.storage), out)
    assert "finished, with 1 trial" in out.getvalue()
    assert "--trials" not in out.getvalue()
    assert "epoch 1/3" not in out.getvalue()
    assert outcome.summary.test == cnn.summary.test
    assert (cnn.model / "model.safetensors").read_bytes() == before


def test_a_training_takes_no_options_of_a_search(cnn: Trained) -> None:
    """It has no second configuration to try, and no cluster."""
    for options in ({"trials": 5}, {"address": "auto"}):
        with pytest.raises(UserError, match="trains one configuration"):
            session.resume(cnn.name, storage_at(cnn.storage), io.StringIO(), **options)  # type: ignore[arg-type]


def test_a_dry_run_of_a_training_writes_nothing(review_files: dict[str, Path], tmp_path: Path) -> None:
    """It prints the space that would be trained."""
    request = StudyRequest(space_of(review_files), "dry", storage_at(tmp_path / "runs"))
    text = session.dry_run(request, io.StringIO())
    assert "training in this process" in text.splitlines()[0]
    assert "runner: local" in text
    assert not (tmp_path / "runs").exists()


def test_a_study_of_an_earlier_version_resumes_in_this_process(tmp_path: Path, review_files: dict[str, Path]) -> None:
    """Its `study.yaml` has no `runner`; `train` opened no database."""
    study = Study.create(space_of(review_files), tmp_path, "old")
    lines = study.paths.space.read_text(encoding="utf-8").splitlines(keepends=True)
    study.paths.space.write_text("".join(line for line in lines if not line.startswith("runner:")), encoding="utf-8")
    assert Study.load(tmp_path, "old").space.runner == "local"
    study.paths.optuna.touch()
    assert Study.load(tmp_path, "old").space.runner == "ray"


def test_a_damaged_data_file_is_named(cnn: Trained, review_files: dict[str, Path], tmp_path: Path) -> None:
    """A study whose data changed is not resumed."""
    study = Study.load(cnn.storage, cnn.name)
    changed = tmp_path / "dev.txt"
    changed.write_text(review_files["dev"].read_text(encoding="utf-8").replace("\n", " \n", 1), encoding="utf-8")
    copy = Study.create(replace(study.space, data=replace(study.space.data, dev=str(changed))), tmp_path, "copy")
    (copy.paths.root / "data.json").write_text((study.paths.root / "data.json").read_text(encoding="utf-8"))
    (copy.paths.root / "base_model").symlink_to(study.paths.root / "base_model")
    with pytest.raises(UserError):
        session.resume("copy", storage_at(tmp_path), io.StringIO())


def test_data_is_checked_without_the_cache(review_files: dict[str, Path], tmp_path: Path) -> None:
    """The cache may be deleted: `export` does not read it, and `resume` still compares the files by `data.json`."""
    files = {name: tmp_path / path.name for name, path in review_files.items()}
    for name, path in files.items():
        shutil.copyfile(review_files[name], path)
    trained("cnn", "mine", tmp_path / "runs", files)
    shutil.rmtree(tmp_path / "runs" / ".cache")
    storage = storage_at(tmp_path / "runs")
    assert Path(export_study("mine", storage, tmp_path / "out"), "model.safetensors").is_file()
    whole = files["dev"].read_text(encoding="utf-8")
    files["dev"].write_text(whole.replace("\n", " \n", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"the data of study 'mine' has changed: dev"):
        session.resume("mine", storage, io.StringIO())
    files["dev"].write_text(whole, encoding="utf-8")
    (base,) = (tmp_path / "runs" / "mine" / "base_model").iterdir()
    before = base.stat().st_ino
    assert session.resume("mine", storage, io.StringIO()).end is SessionEnd.DONE
    assert base.stat().st_ino == before  # a model from the hub may have changed there since
