"""The best model of a study as a Hugging Face folder: weights, tokenizer, decoding parameters, card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from delivery.exports.card import model_card
from delivery.inference.settings import ModelSettings, write_settings
from delivery.results.best_model import BestModel, best_model
from delivery.results.output_paths import check_new_folder, set_usual_permissions
from delivery.results.summary import Summary
from foundation.durable import new_folder
from foundation.errors import UserError
from search_spaces.choices import ExportFormat
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.loaded_weights import Origin
from trainables.models.weight_tying import write_untied_flag
from trainables.tasks.task import Task
from trainables.training.checkpoints import Checkpoint
from tuning import preparation
from tuning.base_model_hashes import check_base_model
from tuning.studies import retention
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import variant_of


def _safetensors(dtype: torch.dtype) -> Callable[[Any, Path], None]:
    def write(model: Any, folder: Path) -> None:
        model.to(dtype)
        if infinite := [name for name, weight in model.state_dict().items() if not weight.isfinite().all()]:
            problem = f"--format {str(dtype).removeprefix('torch.')}: weights of {infinite[0]} are too large for it"
            raise UserError(problem, "bfloat16, float32", "choose another format")
        model.save_pretrained(folder)
        write_untied_flag(folder, model)

    return write


#: Format -> a function that writes the weights and `config.json` of a model into a folder.
FORMATS: dict[ExportFormat, Callable[[Any, Path], None]] = {
    ExportFormat.FLOAT32: _safetensors(torch.float32),
    ExportFormat.BFLOAT16: _safetensors(torch.bfloat16),
    ExportFormat.FLOAT16: _safetensors(torch.float16),
}


class ModelReplaced(UserError):
    """There is no model, or not the one of a moment ago: a running search deletes models that are not the best."""


def export(
    study: Study,
    material: Material,
    summary: Summary,
    target: Path | None = None,
    format_: ExportFormat = ExportFormat.FLOAT32,
    chosen: BestModel | None = None,
) -> Path:
    """Writes the best model of the study to `target`, and returns the folder.

    The folder is created atomically. An earlier export in the study folder is replaced.

    Args:
        target: A new folder; default: `best_model` in the study folder.
        format_: How the weights are written.
        chosen: The model that is exported; default: the best one.

    Raises:
        UserError: `target` exists, or a weight is too large for the format.
        ModelReplaced: There is no model, it is lost or not the summary's, or it was deleted while it was read. Nothing
            is written.
    """
    transformers_logging.disable_progress_bar()
    chosen = chosen or best_model(study)
    if chosen is None:
        raise ModelReplaced(
            f"study {study.name!r} has no model yet",
            "a study with a trial that was evaluated and not pruned there",
            study.paths.command("resume"),
        )
    best, point = chosen.record, chosen.point
    if point is None:
        allowed = "the files of its checkpoint as they were saved"
        todo = "put them back; or take the next best model: " + study.paths.command("export", "--next-best")
        where = study.paths.checkpoint_address(best.trial_id)
        raise ModelReplaced(f"study {study.name!r}: {chosen.lost[0]} ({where})", allowed, todo)
    if summary.best is None or summary.best.trial != best.trial_id:
        raise _replaced(study)
    folder = target or study.paths.best_model
    if target is not None:
        check_new_folder("--out", target, [study.paths.root])
    # Everything is read before anything is written.
    task = preparation.task_of(study.space, material)
    model = _loaded(study, best, point, task)
    base = study.paths.base_model(variant_of(best.config))
    check_base_model(study, material, base)
    tokenizer = load_tokenizer(str(base), is_generative=task.is_generative, trust=study.space.trust_remote_code)
    exported = summary.for_export().to_json()
    settings = ModelSettings.of_space(study.space, task, study.name, trial=best.trial_id, summary=exported)
    with new_folder(folder, overwrite=target is None) as staging:
        FORMATS[format_](model, staging)
        if task.is_generative:
            model.generation_config.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        write_settings(staging, settings, with_checksums=True)
        (staging / "README.md").write_text(
            model_card(study, summary, folder, tokenizer, task, format_), encoding="utf-8"
        )
        set_usual_permissions(staging)
    if target is None:
        study.publish(folder)
    return folder


def _loaded(study: Study, best: TrialRecord, point: Checkpoint, task: Task) -> Any:
    try:
        folder, trust = str(point.local_folder()), study.space.trust_remote_code
        return load_model(folder, task.auto_model, trust=trust, origin=Origin.OWN)
    except (OSError, UserError) as error:
        study.checkpoints.refresh()
        if retention.saved_model(study, best) == point:
            raise
        raise _replaced(study) from error


def _replaced(study: Study) -> ModelReplaced:
    problem = f"study {study.name!r}: its best model was replaced while it was read"
    return ModelReplaced(problem, "", "try again when the search has ended")
