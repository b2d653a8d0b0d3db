"""A study and exported models as kotune leaves them, of fresh weights: nothing is trained."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from corpora.samples import dialogues, reviews, satisfaction
from delivery.exports.ensemble import make_ensemble
from delivery.exports.export import export
from delivery.inference.settings import read_settings, write_settings
from delivery.results.summarize import summarize
from delivery.sessions.space_options import one_configuration, resolve_space
from foundation.durable import previous
from foundation.statuses import TrialStatus
from search_spaces.choices import Runner
from trainables.training import checkpoints
from tuning import preparation
from tuning.algorithms import optuna_storage
from tuning.studies import retention
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import variant_of

_QUICK = ["num_train_epochs=1", "scheduler.name=none", "wandb.mode=disabled"]


def build(folder: Path) -> None:
    """Make `runs` with the study `mine`, which has one trial and its exported model, and `models` with a `classifier`,
    a `regressor` of pairs, a `writer` and an ensemble called `both`. Like exports of earlier versions they have no
    checksums, so that damage gets as far as the checks of its kind; `sealed` is the classifier with checksums."""
    files = {
        "rnn": reviews.write_samples(folder / "data" / "reviews", train=40, dev=12, test=6),
        "sts": satisfaction.write_samples(folder / "data" / "pairs", train=30, dev=12, test=6),
        "kobart": dialogues.write_samples(folder / "data" / "dialogues", train=12, dev=6, test=6),
    }
    sets = {"rnn": ["vocabulary=200"], "sts": [], "kobart": ["rouge_tokenizer=whitespace"]}
    (folder / "models").mkdir()
    for space, model in (("sts", "regressor"), ("kobart", "writer"), ("rnn", "classifier")):
        study = studied(folder / "runs", "mine", space, files[space], sets[space])
        shutil.copytree(study.paths.best_model, folder / "models" / model)
        if space == "rnn":
            shutil.copytree(study.paths.best_model, folder / "models" / "sealed")
        settings = read_settings(folder / "models" / model)
        write_settings(folder / "models" / model, settings)
        if space != "rnn":
            shutil.rmtree(study.paths.root)
    make_ensemble([str(folder / "models" / "classifier")] * 2, folder / "none", folder / "models" / "both", 8)


def studied(storage: Path, name: str, space: str, files: dict[str, Path], sets: list[str]) -> Study:
    """A study whose only trial is over, as if it had been trained, and whose model is exported."""
    given = {"model": "scratch:tiny", **{f"data.{split}": str(path) for split, path in files.items()}}
    # With the runner of a search, which `resume --trials` and --address belong to.
    whole = replace(one_configuration(resolve_space(space, given, [*_QUICK, *sets], [], None), None), runner=Runner.RAY)
    study = Study.create(whole, storage, name)
    splits = preparation.read(whole)
    material = preparation.prepare(study, splits, lambda line: None)
    optuna_storage.open_study(study.paths.optuna, whole)
    record = TrialRecord(0, f"{name}-0000", {}, dict(whole.fixed), 1.0, is_default=True)
    study.begin(record)
    staging = checkpoints.staging(study.paths.checkpoints(record.trial_id), 3)
    base = study.paths.base_model(variant_of(record.config))
    shutil.copytree(base, staging)
    checkpoints.complete(study.paths.checkpoints(record.trial_id), 3, epoch=1.0, resumable=False)
    study.add(record.trial_id, 1.0, 3, {study.metric: 0.5, "loss": 0.7}, 1.0)
    study.end(record.trial_id, TrialStatus.COMPLETED)
    retention.remove_unneeded_checkpoints(study)
    summary = summarize(study, material, slots=1, worker_groups_started=1, wall_seconds=1.0)
    export(study, material, summary)
    previous(study.paths.trial(record.trial_id) / "trial.json").unlink()  # or it would stand in for a damaged one
    summary.save(study.paths.summary)
    return study
