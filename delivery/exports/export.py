"""The best model as a Hugging Face folder: weights, tokenizer, winning decoding parameters, card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers.utils import logging as transformers_logging

from delivery.exports.card import model_card
from delivery.inference.predictor import SETTINGS
from delivery.results.output_paths import check_new_folder, hand_on
from delivery.results.summary import Summary
from foundation.durable import new_folder, write_json
from foundation.errors import UserError
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.weight_tying import say_untied
from trainables.tasks.task import Task
from trainables.training.checkpoints import Checkpoint
from tuning import preparation
from tuning.studies import retention
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import variant_of


class ModelWent(UserError):
    """There is no model, or another than a moment ago: a search at work keeps the best, and deletes what was read."""


def export(study: Study, material: Material, summary: Summary, target: Path | None = None) -> Path:
    """Write the best model of the study to `target` (default: `best_model` in the study folder).

    The folder appears whole or not at all. In the study folder an older export is replaced.

    Raises:
        UserError: `target` is there already.
        ModelWent: no trial gave a model yet; or it is no longer the summary's, or was deleted while it was read.
            Nothing is written.
    """
    transformers_logging.disable_progress_bar()
    best = retention.best_saved_trial(study)
    point = retention.saved_model(study, best) if best else None
    if best is None or point is None:
        raise ModelWent(
            f"study {study.name!r} has no model yet",
            "a study with at least one evaluated trial that went on or completed",
            study.paths.command("resume"),
        )
    if summary.best is None or summary.best.trial != best.trial_id:
        raise _replaced(study)
    folder = target or study.paths.best_model
    if target is not None:
        check_new_folder("--out", target)
    # All is read before anything is written.
    task = preparation.task_of(study.space, material)
    model = _loaded(study, best, point, task)
    base = study.paths.base_model(variant_of(best.config))
    tokenizer = load_tokenizer(str(base), is_generative=task.is_generative, trust=study.space.trust_remote_code)
    settings = {
        "study": study.name,
        "trial": best.trial_id,
        "task": study.space.task,
        "task_options": task.to_options(),
        "columns": {**asdict(study.space.columns), "header": list(study.space.columns.header)},
        "quoting": study.space.data.quoting,
        "broken_rows": study.space.data.broken_rows,
        "file_labels": study.space.data.labels,
        "strip_whitespace": study.space.filters.strip_whitespace,
        "max_source_length": study.space.max_source_length,
        "max_target_length": study.space.max_target_length,
        "special_tokens": list(study.space.special_tokens),
        "summary": summary.for_export().to_json(),
    }
    with new_folder(folder, overwrite=target is None) as staging:
        model.save_pretrained(staging)
        say_untied(staging, model)
        if task.is_generative:
            model.generation_config.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        write_json(staging / SETTINGS, settings)
        (staging / "README.md").write_text(model_card(study, summary, folder, tokenizer, task), encoding="utf-8")
        hand_on(staging)
    if target is None:
        study.publish(folder)
    return folder


def _loaded(study: Study, best: TrialRecord, point: Checkpoint, task: Task) -> Any:
    try:
        return load_model(str(point.local_folder()), task.auto_model, trust=study.space.trust_remote_code)
    except (OSError, UserError) as error:
        study.checkpoints.refresh()
        if retention.saved_model(study, best) == point:
            raise
        raise _replaced(study) from error


def _replaced(study: Study) -> ModelWent:
    given = f"study {study.name!r}: its best model was replaced while it was read"
    return ModelWent(given, "", "try again when the search is over")
