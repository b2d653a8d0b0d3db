"""No file and no line of a study contains a key or a token."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from corpora.splits import SplitFile
from delivery.exports.card import model_card
from delivery.results.summary import BestTrial
from foundation.durable import write_json
from foundation.errors import UserError
from search_spaces.choices import ExportFormat, WandbMode
from search_spaces.schema import Space
from tests.delivery.results.summaries import a_summary
from trainables.slots.failures import failure_of
from trainables.tasks.registry import make_task
from trainables.tracking.run_settings import RunSettings
from trainables.tracking.tracker import Tracker
from tuning.display.live import logged, open_view
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

HUB, AWS, KEY = "hf_" + "Ab1" * 11 + "Z", "AKIA" + "ABCDEFGH12345678", "0123456789abcdef" * 2 + "01234567"
SECRETS = (HUB, AWS, KEY, "s3cret", "abc123")
MODEL = f"https://me:s3cret@git.example/model?token=abc123&note={HUB}"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_no_file_of_a_study_holds_a_secret(tmp_path: Path) -> None:
    """Space, record, job, log, trace and summary of a study whose model, data and failures contain secrets."""
    space = replace(Space(), model=MODEL, metric="accuracy", mode="max", tokenizer=f"s3://{AWS}:s3cret@bucket/words")
    study = Study.create(space, tmp_path, "mine")
    record = TrialRecord(0, "mine-0000", {}, {"note": HUB, "api_key": "abc123"}, 1.0)
    error = OSError(f"{MODEL}: refused for {KEY}")
    view = open_view(io.StringIO())
    with logged(view, study.paths.log) as log:
        study.begin(record)
        log.say(f"asking the hub for {MODEL} as {KEY}")
        study.end(record.trial_id, "failed", f"{error}")
        log.say(str(UserError(f"model {MODEL!r} cannot be loaded", "a model", "change it")))
    folder = study.paths.trial(record.trial_id)
    write_json(folder / "job.json", {"tracking": {"config": {"model": MODEL, "data": {"path": f"{MODEL}"}}}})
    write_json(study.paths.summary, {"model": MODEL, "data": {"train": {"path": f"/data?x-amz-signature={KEY}"}}})
    try:
        raise error
    except OSError:
        (folder / "error.txt").write_text(failure_of(error).trace, encoding="utf-8")
    files = [path for path in study.paths.root.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names == {
        "study.yaml",
        "trial.json",
        "job.json",
        "summary.json",
        "log.txt",
        "error.txt",
        ".trial.json.previous",
    }
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert found_in(text) == [], path.name
        assert "***" in text or path.name.startswith("."), path.name
    assert found_in(record.reason + failure_of(error).reason) == []  # Optuna and the terminal are told these


def test_the_model_card_holds_no_secret(tmp_path: Path) -> None:
    """A model card is published."""
    study = Study.create(replace(Space(), model=MODEL), tmp_path, "mine")
    best = BestTrial("mine-0000", 0.5, {"note": HUB, "other": KEY}, 1.0, {"accuracy": 0.5})
    split = SplitFile(f"/data/train.csv?token=abc123&key={HUB}", 3, "0" * 64)
    summary = a_summary(best=best, metric="accuracy", rouge_tokenizer=None, data={"train": split})

    class Words:
        bos_token, init_kwargs = None, {}  # type: ignore[var-annotated]

    task = make_task("classification", {"labels": ["a", "b"]})
    card = model_card(study, summary, tmp_path / "model", Words(), task, ExportFormat.FLOAT32)
    assert found_in(card) == []
    assert "***" in card
    assert "0" * 64 in card


def test_wandb_gets_no_secret(tmp_path: Path) -> None:
    """Neither in the run's configuration, nor in its summary, nor with the command line that W&B would send."""
    settings = RunSettings(
        mode=WandbMode.OFFLINE,
        project="kotune",
        run_id="mine-0000",
        name="mine-0000",
        group="mine",
        folder=str(tmp_path),
        record=str(tmp_path / "tracking.json"),
        config={"model": MODEL, "data": {"train": {"path": f"s3://{AWS}:s3cret@bucket"}}, "note": HUB},
    )
    tracker = Tracker(settings)
    tracker.close({"status": "failed", "reason": f"no access with {KEY}"})
    assert tracker.wait(60)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert kept
    assert [secret for secret in SECRETS if secret.encode() in kept] == []
    assert json.loads((tmp_path / "tracking.json").read_text())["mode"] == "offline"
    assert not list(tmp_path.rglob("wandb-metadata.json"))
