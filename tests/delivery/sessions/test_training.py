"""One configuration without a search: its defaults, a debug run, and going on from a checkpoint."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from benchmarks.small import small_study
from delivery.inference.predict import predict_file
from delivery.sessions.session import embedded_sample
from delivery.sessions.training import one_configuration, train
from delivery.sessions.tune_request import TuneRequest, resolve_space
from foundation.durable import write_json
from foundation.errors import UserError
from search_spaces.resolve import list_spaces
from search_spaces.schema import Space
from tests.delivery.conftest import Trained, trained
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.registry import get_task_class
from trainables.training import checkpoints
from trainables.training.reports import Decision, Report
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning import preparation
from tuning.display.live import SilentView
from tuning.jobs import make_job
from tuning.studies.records import TrialRecord
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


def space_of(files: dict[str, Path], sets: tuple[str, ...] = ()) -> Space:
    """The CNN's one configuration: two epochs of 300 reviews."""
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    quick = ["num_train_epochs=2", "per_device_train_batch_size=16", "wandb.mode=disabled", *sets]
    return one_configuration(resolve_space("cnn", options, quick, [], None), None)


def test_a_sample_that_was_not_written_is_written_later(tmp_path: Path) -> None:
    """A study that was killed before its sample was there; then it is the study's data, and is not written again."""
    Study.create(resolve_space("cnn", {}, [], [], None), tmp_path, "mine")
    study = Study.load(tmp_path, "mine")
    splits = embedded_sample(study, SilentView())
    assert splits is not None
    again = Study.load(tmp_path, "mine")
    assert embedded_sample(again, SilentView()) is None
    assert preparation.read(again.space).described() == splits.described()


def test_what_is_searched_has_its_default(review_files: dict[str, Path]) -> None:
    """Nothing is left to search, and a debug run takes so many rows."""
    options = {f"data.{split}": str(path) for split, path in review_files.items()}
    space = resolve_space("cnn", options, [], ["learning_rate=log:1e-4:1e-2"], None)
    single = one_configuration(space, 40)
    assert single.search == {}
    assert single.fixed["learning_rate"] == pytest.approx(1e-3)
    assert single.filters.sample == 40
    assert single.budget.trials == 1


def test_a_debug_run_reads_few_rows(storage: Path, review_files: dict[str, Path]) -> None:
    """The summary says how many; the model answers all the same."""
    found = trained("cnn", "debug", storage, review_files, ["filters.sample=20"])
    assert found.summary["data"]["train"]["rows"] == 20
    assert found.summary["trials"] == {"total": 1, "completed": 1, "pruned": 0, "failed": 0, "unfinished": 0}
    assert (found.model / "model.safetensors").is_file()


@pytest.mark.parametrize("space", list_spaces())
def test_every_space_trains_on_its_sample(space: str, storage: Path) -> None:
    """From the sample's files to a model that answers them, as `train SPACE --rows 64` does it."""
    quick = ["num_train_epochs=1", "scheduler.name=none", "wandb.mode=disabled"]
    if get_task_class(resolve_space(space, {}, [], [], None).task).is_generative:
        quick.append("max_new_tokens=8")  # a model that has learned so little does not end by itself
    single = one_configuration(resolve_space(space, {}, quick, [], None), 64)
    found = train(TuneRequest(single, f"sample-{space}", storage_at(storage), None), None, io.StringIO(), 64)
    assert [found["data"][split]["rows"] for split in ("train", "dev", "test")] == [64, 64, 64]
    assert found["test"]["rows"] == 64
    folder = storage / f"sample-{space}"
    (test,) = (folder / "sample_data").glob("test.*")
    assert predict_file(folder / "best_model", test, storage / f"{space}.csv", 32, PredictionFormat()) == 200


def test_every_evaluation_is_told(storage: Path, review_files: dict[str, Path]) -> None:
    """One line per epoch with its metrics, then the result; no empty line of parameters."""
    out = io.StringIO()
    train(TuneRequest(space_of(review_files), "told", storage_at(storage), None), None, out)
    lines = out.getvalue().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/2", "2/2"]
    assert any(line.startswith("best     accuracy ") for line in lines)
    assert all(line.strip() for line in lines)
    assert json.loads((storage / "told" / "summary.json").read_text())["best"]["epoch"] in (1.0, 2.0)
    log = (storage / "told" / "log.txt").read_text(encoding="utf-8")
    assert log.partition("\n")[0].startswith("---- 20")
    assert "epoch 1/" in log


def test_a_patience_that_ended_is_told(storage: Path, review_files: dict[str, Path]) -> None:
    """Nothing is learned at a rate of zero, so the second evaluation is the last of five."""
    sets = ("num_train_epochs=5", "learning_rate=0", "early_stopping_patience=1")
    out = io.StringIO()
    train(TuneRequest(space_of(review_files, sets), "patient", storage_at(storage), None), None, out)
    assert "no better value in 1 evaluation: that is enough" in out.getvalue().splitlines()
    assert "epoch 3/5" not in out.getvalue()


class Interrupted(Exception):
    """Stands for whatever ends a training at a bad moment."""


class Breaks:
    """Notes the first report in the study and dies at the second."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def report(self, report: Report) -> Decision:
        if report.epoch > 1:
            raise Interrupted
        (record,) = self._study.records.values()
        self._study.add(record.trial_id, report.epoch, report.step, report.metrics, report.seconds)
        return Decision.CONTINUE


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
    with pytest.raises(Interrupted):
        run_trial(job, Breaks(study), WorkerCache())
    first, _ = checkpoints.list_complete(Path(job.folder) / "checkpoints")  # of the first epoch and the last
    return first.path


def test_a_training_goes_on_as_if_nothing_had_been(
    interrupted: Path, storage: Path, review_files: dict[str, Path]
) -> None:
    """Only the second epoch is trained, and the weights are those of a training without a break, bit for bit."""
    out = io.StringIO()
    again = ("checkpoints.keep_best=1", "metric=loss")
    train(TuneRequest(space_of(review_files, again), "on", storage_at(storage), None), interrupted, out)
    whole = io.StringIO()
    train(TuneRequest(space_of(review_files, again), "whole", storage_at(storage), None), None, whole)
    told = [line for line in out.getvalue().splitlines() if line.startswith("epoch ")]
    assert len(told) == 1
    second = next(line for line in whole.getvalue().splitlines() if line.startswith("epoch 2/2"))
    assert told[0].split("eval_seconds")[0] == second.split("eval_seconds")[0]
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
        train(TuneRequest(space, "other", storage_at(storage), None), interrupted, io.StringIO())
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
    found = train(TuneRequest(space_of(review_files), "perfect", storage_at(storage), None), point, io.StringIO())
    assert (found["best"]["epoch"], found["best"]["value"]) == (1.0, 1.0)
    one, other = (load_file(folder / "model.safetensors") for folder in (storage / "perfect" / "best_model", point))
    assert all((one[name] == other[name]).all() for name in one)


def test_what_cannot_be_gone_on_from_is_refused(
    interrupted: Path, cnn: Trained, storage: Path, review_files: dict[str, Path]
) -> None:
    """No checkpoint, and one that holds a finished model; nothing is written."""
    (finished,) = (storage / "cnn-study" / "trials").glob("*/checkpoints/step-*")
    for folder, problem in ((interrupted.parent, "is no complete checkpoint"), (finished, "nothing to go on from")):
        with pytest.raises(UserError, match=problem):
            train(TuneRequest(space_of(review_files), "refused", storage_at(storage), None), folder, io.StringIO())
    assert not (storage / "refused").exists()
