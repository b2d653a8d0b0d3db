"""Hashes of base models, in `data.json`: a base model that is made again, or read again, is the one of the trials."""

from __future__ import annotations

import shutil
from pathlib import Path

from foundation.errors import UserError
from tuning.studies import origin
from tuning.studies.material import Material
from tuning.studies.study import Study

#: Keys of `Material.hashes`, each before the name of a base model: of its weights and tokenizer, which are the same
#: whenever it is made; of all its files, with versions and paths in them, as they are on this disk.
_CONTENT, _ALL_FILES = "base_model/", "base_model_files/"


def base_model_hashes(base: Path, model: str, recorded: Material | None) -> dict[str, str]:
    """Returns the hashes of a base model that was made, for `Material.hashes`.

    Raises:
        UserError: The study had another one, which was deleted. The new one is removed.
    """
    name = _CONTENT + base.name
    made = origin.base_model_hash(base)
    if recorded is not None and recorded.hashes.get(name, made) != made:
        shutil.rmtree(base)
        problem = f"{base} is missing, and {model} gives another model than the one that the trials started from"
        raise UserError(problem, "the same model, so that trials compare", "put the folder back, or start a new study")
    return {name: made, _ALL_FILES + base.name: origin.folder_hash(base)}


def check_base_model(study: Study, material: Material, base: Path) -> None:
    """Checks that a base model is as it was made; a folder that does not exist is not checked.

    Raises:
        UserError: A file of it has changed.
    """
    if not base.is_dir():
        return
    recorded, weights = (material.hashes.get(prefix + base.name) for prefix in (_ALL_FILES, _CONTENT))
    # Earlier versions recorded weights and tokenizer only.
    content, expected = (origin.folder_hash, recorded) if recorded else (origin.base_model_hash, weights)
    if expected is not None and content(base) != expected:
        problem = f"study {study.name!r}: a file in {base} has changed since the study was prepared"
        todo = f"put it back; or remove the folder: {study.paths.command('resume')} makes the same model again"
        raise UserError(problem, "the files that the trials started from", todo)
