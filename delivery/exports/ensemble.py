"""Ensembles: several classifiers in one folder, whose probabilities are averaged."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from corpora.splits import Split
from delivery.inference.loading import load
from delivery.inference.options import NO_OPTIONS
from delivery.inference.predictor import Model, Predictor, open_model
from delivery.inference.rows import combined
from delivery.inference.scoring import score
from delivery.inference.settings import SETTINGS, write_settings
from delivery.results.output_paths import check_new_folder, set_usual_permissions
from foundation.checked_json import JsonObject
from foundation.durable import new_folder
from foundation.errors import COMMAND, UserError, nearest
from trainables.tasks.task import Row
from tuning import preparation
from tuning.studies.earlier_versions import locate_data_files
from tuning.studies.material import Material
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
    folders = [_folder(member, storage) for member in members]
    check_new_folder("--out", out, folders)
    models = [Predictor(load(folder, NO_OPTIONS)) for folder in folders]
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
    named: dict[str, tuple[Model, Sequence[Row]]] = {
        member: (model, rows) for member, model, rows in zip(members, models, dev, strict=True)
    }
    named["ensemble"] = open_model(out), combined(dev)
    scores = {name: score(model, rows, batch_size).to_flat() for name, (model, rows) in named.items()}
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


def _shared_dev(storage: Path, studies: Sequence[str]) -> list[list[Row]] | None:
    """Returns the dev rows on which the model of each study was chosen, as its own columns and filters give them.

    They are the same rows of the same files. None if a study is not in `storage`.
    """
    if not all((storage / name / "study.yaml").is_file() for name in studies):
        return None
    dev = [_dev_split(Study.load(storage, name)) for name in studies]
    for name, other in zip(studies, dev, strict=True):
        if not _is_same(other, dev[0]):
            raise UserError(
                f"study {name} was chosen on another dev split than {studies[0]}",
                "studies of the same files and seed",
                "train each with the same --train, --dev and --seed",
            )
    return [list(split.rows) for split in dev]


def _is_same(split: Split, other: Split) -> bool:
    """Whether two dev splits are the same rows: of one file by their numbers, of copies of it by their texts."""
    if split.sha256 == other.sha256:
        return [(row["id"], row["target"]) for row in split.rows] == [(row["id"], row["target"]) for row in other.rows]
    unnumbered = [[{key: row[key] for key in row if key != "id"} for row in one.rows] for one in (split, other)]
    return unnumbered[0] == unnumbered[1]


def _dev_split(study: Study) -> Split:
    """Returns the dev rows of a study, with their numbers in the file as ids.

    Raises:
        UserError: The file is missing, or has changed since its trials were scored.
    """
    space = locate_data_files(study.space, study.paths)
    split = preparation.read(dataclasses.replace(space, columns=dataclasses.replace(space.columns, id=None))).dev
    material = Material.load(study.paths)
    if material is not None and material.splits["dev"].sha256 != split.sha256:
        problem = f"the data of study {study.name!r} has changed: dev ({split.path})"
        raise UserError(problem, "the same file, so that scores compare", "put the old file back")
    return split
