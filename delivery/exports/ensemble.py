"""Ensembles: several classifiers in one folder, whose probabilities are averaged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from delivery.inference.predictor import Predictor, load_exported
from delivery.inference.scoring import score
from delivery.inference.settings import SETTINGS, write_settings
from delivery.results.output_paths import check_new_folder, set_usual_permissions
from foundation.checked_json import JsonObject
from foundation.durable import new_folder
from foundation.errors import COMMAND, UserError, nearest
from trainables.tasks.task import Row
from tuning import preparation
from tuning.studies.earlier_versions import locate_data_files
from tuning.studies.study import Study


def make_ensemble(members: Sequence[str], storage: Path, out: Path, batch_size: int) -> JsonObject:
    """Writes an ensemble of studies or exported folders to `out`.

    Returns:
        The scores of the ensemble and of its members on the dev split of the studies, which must be the same for all;
        no scores if a study is not in `storage`.

    Raises:
        UserError: Fewer than two members, a member that is no classifier, other classes, another dev split, or `out`
            exists.
    """
    if len(members) < 2:
        raise UserError("an ensemble of one model", "two studies or models, or more", "name another")
    check_new_folder("--out", out)
    folders = [_folder(member, storage) for member in members]
    models = [Predictor(folder) for folder in folders]
    _check(members, models)
    first, studies = models[0].settings, [model.settings.study for model in models]
    dev = _shared_dev(storage, studies)
    names = [f"{number}-{study}" for number, study in enumerate(studies)]
    with new_folder(out) as staging:
        for name, folder in zip(names, folders, strict=True):
            shutil.copytree(folder, staging / name)
        write_settings(staging, replace(first, members=names, study=" + ".join(studies), summary=None))
        set_usual_permissions(staging)
    result: JsonObject = {"ensemble": str(out), "members": list(members), "dev": None}
    if dev is None:
        return result
    scores = {
        name: score(model, dev, batch_size).to_flat()
        for name, model in [*zip(members, models, strict=True), ("ensemble", load_exported(out))]
    }
    return {**result, "metric": (first.summary or {}).get("metric"), "dev": scores}


def _folder(member: str, storage: Path) -> Path:
    """Returns an exported folder by its path, or the best model of a study by its name."""
    if os.path.isfile(Path(member) / SETTINGS):
        return Path(member)
    study = storage / member
    if not os.path.isfile(study / "study.yaml"):
        studies = sorted(path.parent.name for path in storage.glob("*/study.yaml"))
        todo = nearest(member, studies) or "check the name, or --storage"
        problem = f"{member}: neither a study in {storage} nor an exported folder"
        names = ", ".join(studies[:10]) + (f" and {len(studies) - 10} more" if len(studies) > 10 else "")
        raise UserError(problem, names or "a folder written by export", todo)
    if not (study / "best_model" / SETTINGS).is_file():
        todo = f"{COMMAND} export {member} --storage {storage}"
        raise UserError(f"study {member} has no exported model", "a study whose best model was exported", todo)
    return study / "best_model"


def _check(members: Sequence[str], models: Sequence[Predictor]) -> None:
    for member, model in zip(members, models, strict=True):
        if not model.task.supports_ensembles:
            problem = f"{member} is a model for {model.task.name}"
            raise UserError(problem, "classifiers, whose probabilities are averaged", "leave it out")
        if model.task != models[0].task:
            raise UserError(
                f"{member} has the classes {', '.join(model.task.classes)}",
                f"those of {members[0]}: {', '.join(models[0].task.classes)}",
                "leave it out",
            )


def _shared_dev(storage: Path, studies: Sequence[str]) -> list[Row] | None:
    """Returns the dev rows on which the models of all studies were chosen; None if a study is not in `storage`."""
    if not all((storage / name / "study.yaml").is_file() for name in studies):
        return None
    dev = [_dev_rows(Study.load(storage, name)) for name in studies]
    texts = [[(row["source"], row["target"]) for row in rows] for rows in dev]
    for name, other in zip(studies, texts, strict=True):
        if other != texts[0]:
            raise UserError(
                f"study {name} was chosen on another dev split than {studies[0]}",
                "studies of the same files and seed",
                "train each with the same --train, --dev and --seed",
            )
    return list(dev[0])


def _dev_rows(study: Study) -> list[Row]:
    return list(preparation.read(locate_data_files(study.space, study.paths)).dev.rows)
