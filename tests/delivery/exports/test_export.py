"""Exports: a folder that transformers alone can use, and its predictions."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from benchmarks.small import small_space, small_study
from delivery.exports.export import ModelReplaced, export
from delivery.inference.predict import predict_file
from delivery.inference.predictor import open_model
from delivery.inference.scoring import score
from delivery.results.scores import Score
from delivery.results.summarize import summarize
from delivery.results.summary import Failure
from delivery.results.summary_lines import summary_lines
from delivery.sessions import finalize
from foundation.checked_json import plain
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from search_spaces.choices import ExportFormat
from trainables.models.hub import load_model
from trainables.tasks.prediction_format import PredictionFormat
from trainables.training.reports import Decision, Report
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache
from tuning.jobs import make_job
from tuning.preparation import read
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.storage import storage_at
from tuning.studies.study import Study


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Material]:
    """A study of one trial, trained in this process; the trial decodes with two beams."""
    folder = tmp_path_factory.mktemp("finished")
    space = small_space(folder, ["num_beams=2", "length_penalty=0.8", "min_new_tokens=3", "num_train_epochs=1"])
    study, material = small_study(folder, "finished", space)
    record = TrialRecord(0, "finished-0000", {"learning_rate": 1e-3}, {**space.fixed, "learning_rate": 1e-3}, 1.0, True)
    study.begin(record)

    class Recorder:
        def report(self, report: Report) -> Decision:
            study.add(record.trial_id, report.epoch, report.step, report.metrics, report.seconds)
            return Decision.CONTINUE

    run_trial(make_job(study, material, None)(record), Recorder(), WorkerCache())
    study.end(record.trial_id, TrialStatus.COMPLETED)
    return study, material


@pytest.fixture(scope="module")
def model(finished: tuple[Study, Material]) -> Path:
    """The exported folder."""
    study, material = finished
    return export(study, material, summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0))


def test_the_summary_of_a_finished_study(finished: tuple[Study, Material]) -> None:
    """Counts, best trial, recipe default and data of a study with one trial."""
    study, material = finished
    summary = summarize(study, material, slots=2, worker_groups_started=2, wall_seconds=1.0)
    assert plain(summary.trials) == {"total": 1, "completed": 1, "pruned": 0, "failed": 0, "unfinished": 0}
    assert summary.best is not None
    assert summary.default is not None
    assert summary.best.trial == summary.default.trial == "finished-0000"
    assert summary.best.value == summary.default.value
    assert set(summary.data) == set(material.splits)
    assert summary.rouge_tokenizer == "whitespace"
    assert any("finished-0000" in line for line in summary_lines(summary, {"learning_rate": 1e-3}, "kotune"))


def test_transformers_alone_can_use_the_folder(model: Path) -> None:
    """The best decoding parameters are in `generation_config.json`, and `generate` reads them."""
    network, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    config = network.generation_config
    assert (config.num_beams, config.length_penalty, config.max_new_tokens, config.min_new_tokens) == (2, 0.8, 8, 3)
    text = tokenizer.bos_token + "#Person1#: 안녕" + tokenizer.eos_token
    generated = network.generate(**tokenizer(text, return_tensors="pt", return_token_type_ids=False))
    assert 3 <= generated.shape[1] - 1 <= 8
    rights = {path.stat().st_mode & 0o777 for path in model.iterdir()}
    (model.parent / "just so").touch()
    assert rights == {(model.parent / "just so").stat().st_mode & 0o777}  # weights as well, whoever is to have them


@pytest.mark.parametrize("format_", [ExportFormat.BFLOAT16, ExportFormat.FLOAT16])
def test_half_precision_halves_the_weights(
    finished: tuple[Study, Material], model: Path, tmp_path: Path, format_: ExportFormat
) -> None:
    """transformers loads the folder in its format, kotune in float32; the card says what the scores belong to."""
    study, material = finished
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    folder = export(study, material, summary, tmp_path / "half", format_)
    size, whole = ((path / "model.safetensors").stat().st_size for path in (folder, model))
    assert size < 0.6 * whole
    assert str(AutoModelForSeq2SeqLM.from_pretrained(folder).dtype) == f"torch.{format_}"
    assert f"| weights | {format_}; the scores are of float32 |" in (folder / "README.md").read_text(encoding="utf-8")
    assert next(open_model(folder).model.parameters()).dtype == torch.float32


def test_a_weight_that_the_format_cannot_hold_is_refused(
    finished: tuple[Study, Material], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """float16 ends at 65504."""
    study, material = finished

    def too_large(*args: Any, **options: Any) -> Any:
        network = load_model(*args, **options)
        next(network.parameters()).data[0] = 1e6
        return network

    monkeypatch.setattr("delivery.exports.export.load_model", too_large)
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    with pytest.raises(UserError, match=r"--format float16: .* too large"):
        export(study, material, summary, tmp_path / "half", ExportFormat.FLOAT16)
    assert not (tmp_path / "half").exists()


def test_the_content_of_the_card(finished: tuple[Study, Material], model: Path) -> None:
    """Data hash, space, score, name of the tokenizer, and the lines that use the model."""
    study, material = finished
    card = (model / "README.md").read_text(encoding="utf-8")
    assert material.splits["train"].sha256 in card
    assert "whitespace" in card
    assert "kobart" in card
    value = study.records["finished-0000"].best_value(study.metric, study.mode)
    assert f"{value:.4f}" in card
    assert "from_pretrained" in card
    assert "on test" not in card


def test_an_export_has_the_test_score_and_no_path_of_this_machine(
    finished: tuple[Study, Material], tmp_path: Path
) -> None:
    """Neither folders nor traces."""
    study, material = finished
    test = Score(metrics={study.metric: 1.25}, rows=200, rouge_tokenizer="whitespace", seconds=1.0)
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0, test=test)
    failure = Failure("t", "NaN", {}, trace=f"{tmp_path}/x", log="l", alone="a")
    folder = export(study, material, replace(summary, failures=[failure]), tmp_path / "out")
    assert "on test (200 rows, opened once) | **1.2500**" in (folder / "README.md").read_text(encoding="utf-8")
    content = json.loads((folder / "kotune.json").read_text(encoding="utf-8"))["summary"]
    assert content["failures"] == [{"trial": "t", "reason": "NaN", "config": {}}]
    assert str(study.paths.root.parent) not in json.dumps(content)


def test_predictions_are_in_input_order_whatever_the_batch(
    model: Path, finished: tuple[Study, Material], tmp_path: Path
) -> None:
    """One row at a time or all at once give the same file; a file with dialogues alone is enough."""
    study, _ = finished
    rows = read(study.space).dev.rows
    source = tmp_path / "input.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("fname", "dialogue"), *((row["id"], row["source"]) for row in rows)])
    written = []
    for batch_size in (1, 32):
        out = tmp_path / f"{batch_size}.csv"
        assert predict_file(model, source, out, batch_size, PredictionFormat()) == len(rows)
        written.append(list(csv.reader(out.open(encoding="utf-8"))))
    assert written[0] == written[1]
    assert written[0][0] == ["fname", "summary"]
    assert [row[0] for row in written[0][1:]] == [row["id"] for row in rows]
    assert all(row[1] for row in written[0][1:])


def test_an_exported_model_has_the_score_of_its_trial(model: Path, finished: tuple[Study, Material]) -> None:
    """On the dev rows."""
    study, _ = finished
    rows = read(study.space).dev.rows
    result = score(open_model(model), rows, 16)
    reported = study.records["finished-0000"].results[-1].metrics
    assert result.metrics["rouge_sum"] == pytest.approx(reported["rouge_sum"])
    assert result.rows == len(rows)


def test_an_older_export_stays_until_the_new_one_is_complete(
    finished: tuple[Study, Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is moved aside, and removed last."""
    study, material = finished
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    export(study, material, summary)
    seen: list[bool] = []
    remove = shutil.rmtree

    def look(folder: Path, **options: bool) -> None:
        seen.append((study.paths.best_model / "model.safetensors").is_file())
        remove(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", look)
    export(study, material, summary)
    assert seen == [True, True, True]
    assert not list(study.paths.root.glob(".*.tmp"))


def test_an_export_overwrites_no_existing_folder(finished: tuple[Study, Material], tmp_path: Path) -> None:
    """An existing folder is refused, and unchanged."""
    study, material = finished
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        export(
            study, material, summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0), tmp_path
        )
    assert (tmp_path / "kept").read_text() == "mine"


def test_a_model_that_is_deleted_while_it_is_read(
    finished: tuple[Study, Material], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A running search deletes it for a better one: the study is read again. A damaged model is an error."""
    study, material = finished
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    checkpoints, is_deleted = study.paths.checkpoints("finished-0000"), True

    def failing(*arguments: object, **options: object) -> None:
        if is_deleted:
            checkpoints.rename(tmp_path / "away")
        raise OSError("half a file")

    monkeypatch.setattr("delivery.exports.export.load_model", failing)
    with pytest.raises(ModelReplaced):
        export(study, material, summary)
    (tmp_path / "away").rename(checkpoints)
    study.checkpoints.refresh()
    is_deleted = False
    with pytest.raises(OSError, match="half a file"):
        export(study, material, summary)

    tries: list[int] = []

    def export_best(study: Study, out: Path | None, format_: ExportFormat, next_best: bool) -> str:
        tries.append(1)
        if len(tries) < 3:
            raise ModelReplaced("gone", "", "try again")
        return "exported"

    monkeypatch.setattr(finalize, "_export_best", export_best)
    storage = storage_at(study.paths.root.parent)
    assert finalize.export_study("finished", storage, None) == "exported"
    tries.clear()
    monkeypatch.setattr(finalize, "_TRIES", 2)
    with pytest.raises(UserError, match="again"):
        finalize.export_study("finished", storage, None)


def test_the_scores_of_another_trial_are_not_exported(finished: tuple[Study, Material], tmp_path: Path) -> None:
    """The best trial may have changed between the summary and the export."""
    study, material = finished
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    assert summary.best is not None
    other = replace(summary, best=replace(summary.best, trial="finished-0001"))
    with pytest.raises(ModelReplaced, match="was replaced"):
        export(study, material, other, tmp_path / "out")
    assert not (tmp_path / "out").exists()
