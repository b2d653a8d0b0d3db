"""Several classifiers as one: the mean of their probabilities, scored beside each of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from delivery.inference.predictor import SETTINGS, Predictor, open_model
from delivery.inference.scoring import score
from delivery.results.output_paths import check_new_folder, hand_on
from foundation.durable import new_folder
from foundation.errors import COMMAND, UserError, nearest
from trainables.tasks.task import Row
from tuning import preparation
from tuning.studies.study import Study


def make_ensemble(members: Sequence[str], storage: Path, out: Path, batch_size: int) -> dict[str, Any]:
    """Write an ensemble of studies or exported folders to `out`; answers its scores and its members' on dev.

    The dev split is the first study's; all studies must have the same, or their scores would not compare.

    Raises:
        UserError: fewer than two members, no classifiers, other classes, another dev split, or `out` is there.
    """
    if len(members) < 2:
        raise UserError("an ensemble of one model", "two studies or models, or more", "name another")
    check_new_folder("--out", out)
    folders = [_folder(member, storage) for member in members]
    models = [Predictor(folder) for folder in folders]
    _check(members, models)
    dev = _shared_dev(storage, [model.settings["study"] for model in models])
    names = [f"{number}-{model.settings['study']}" for number, model in enumerate(models)]
    settings = {
        **models[0].settings,
        "members": names,
        "study": " + ".join(model.settings["study"] for model in models),
    }
    del settings["summary"]
    with new_folder(out) as staging:
        for name, folder in zip(names, folders, strict=True):
            shutil.copytree(folder, staging / name)
        (staging / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False, indent=2), encoding="utf-8")
        hand_on(staging)
    told: dict[str, Any] = {"ensemble": str(out), "members": list(members), "dev": None}
    if dev is None:
        return told  # exported folders whose studies are elsewhere: `evaluate` scores them on any file
    scored = {
        name: score(model, dev, batch_size).to_flat()
        for name, model in [*zip(members, models, strict=True), ("ensemble", open_model(out))]
    }
    return {**told, "metric": models[0].settings["summary"]["metric"], "dev": scored}


def _folder(member: str, storage: Path) -> Path:
    """An exported folder by path, or the best model of a study by name."""
    if os.path.isfile(Path(member) / SETTINGS):
        return Path(member)
    study = storage / member
    if not os.path.isfile(study / "study.yaml"):
        studies = sorted(path.parent.name for path in storage.glob("*/study.yaml"))
        todo = nearest(member, studies) or "check the name, or --storage"
        given = f"{member}: neither a study in {storage} nor an exported folder"
        named = ", ".join(studies[:10]) + (f" and {len(studies) - 10} more" if len(studies) > 10 else "")
        raise UserError(given, named or "a folder that export wrote", todo)
    if not (study / "best_model" / SETTINGS).is_file():
        todo = f"{COMMAND} export {member} --storage {storage}"
        raise UserError(f"study {member} has no exported model", "a study whose best model was exported", todo)
    return study / "best_model"


def _check(members: Sequence[str], models: Sequence[Predictor]) -> None:
    for member, model in zip(members, models, strict=True):
        if not model.task.supports_ensembles:
            given = f"{member} is a model for {model.task.name}"
            raise UserError(given, "classifiers, whose probabilities are averaged", "leave it out")
        if model.task != models[0].task:
            raise UserError(
                f"{member} knows the classes {', '.join(model.task.classes)}",
                f"those of {members[0]}",
                "leave it out",
            )


def _shared_dev(storage: Path, studies: Sequence[str]) -> list[Row] | None:
    """The dev rows that the models of all studies were chosen on; None where one is not in `storage`."""
    if not all((storage / name / "study.yaml").is_file() for name in studies):
        return None
    dev = [preparation.read(Study.load(storage, name).space).dev.rows for name in studies]
    told = [[(row["source"], row["target"]) for row in rows] for rows in dev]
    for name, found in zip(studies, told, strict=True):
        if found != told[0]:
            raise UserError(
                f"study {name} was chosen on another dev split than {studies[0]}",
                "studies of the same files and seed",
                "train each with the same --train, --dev and --seed",
            )
    return list(dev[0])
