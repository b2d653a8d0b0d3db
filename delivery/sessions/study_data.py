"""The data files of a study when a session starts: the embedded sample, copies in a bucket, and what has changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from corpora.fingerprint import file_sha256
from corpora.samples.registry import SAMPLES
from corpora.splits import SplitFile, Splits
from delivery.sessions.study_request import check_configs
from foundation.errors import UserError
from search_spaces.schema import Space
from tuning import preparation
from tuning.base_model_hashes import check_base_model
from tuning.display.live import View
from tuning.studies import origin
from tuning.studies.material import Material
from tuning.studies.origin import MODEL_KEYS
from tuning.studies.study import Study
from tuning.tokenizers import tokenizer_variants

_SPLITS = ("train", "dev", "test")


def write_embedded_sample(study: Study, view: View) -> Splits | None:
    """Writes the embedded sample into a study without data files, and returns its splits; None for other studies."""
    if not study.space.data.embedded:
        return None
    about = SAMPLES[study.space.sample].about
    view.say(f"no --train given: using the embedded sample, {about} that kotune generates")
    space = preparation.with_samples(study.space, study.paths.sample)
    study.publish(study.paths.sample)
    study.change_space(space)
    return preparation.read(study.space)


def copy_to_bucket(study: Study, view: View) -> Splits | None:
    """Copies the data files of a study to its bucket, so that any machine can resume it.

    Returns:
        The splits as they are read from there; None if the study is in a folder, or has all its files.
    """
    files = [Path(path) for split in _SPLITS if (path := getattr(study.space.data, split))]
    if not study.paths.bucket or all(file.is_relative_to(study.paths.root) for file in files):
        return None
    space = preparation.with_copies(study.space, study.paths.copies)
    study.publish(study.paths.copies)
    study.change_space(space)
    view.say(f"data     copied to {study.paths.address(study.paths.copies)}")
    return preparation.read(study.space)


def load_material(study: Study) -> Material | None:
    """Returns the content of `data.json`; None if the study was interrupted before it was prepared.

    Raises:
        UserError: The file is damaged, or missing beside trials that need it for a comparison.
    """
    material = Material.load(study.paths)
    if material is None and study.records:
        problem = f"study {study.name!r} has trials, and no {study.paths.data} with the hashes of their data"
        raise UserError(problem, "the file as kotune wrote it", "put back a copy of it, or start a new study")
    return material


def with_new_paths(study: Study, space: Space, moved: Mapping[str, str], material: Material | None) -> Space:
    """Returns the space with other paths for files and folders that were moved.

    Args:
        moved: Split (`train`, `dev`, `test`) or key of a model -> new path.

    Raises:
        UserError: The study has no such file, or the content is another one.
    """
    for key, path in moved.items():
        before = getattr(space.data if key in _SPLITS else space, key)
        option = f"--{key.replace('_', '-')} {path}"
        if before is None or (key in MODEL_KEYS and not origin.is_folder(before)):
            has = f"has no {key} {'file' if key in _SPLITS else 'in a folder'}" + (f", but {before}" if before else "")
            problem = f"{option}: study {study.name!r} {has}"
            raise UserError(problem, "a new path of a file or folder that the study was started with", "leave it out")
        absolute = Path(path).expanduser().absolute()
        _check_moved(study, key, option, absolute, material)
        if key in _SPLITS:
            space = replace(space, data=preparation.with_files(space.data, {key: absolute}))
        else:
            model, tokenizer, encoder = (str(absolute) if name == key else getattr(space, name) for name in MODEL_KEYS)
            space = replace(space, model=model, tokenizer=tokenizer, rdass_encoder=encoder)
    return space


def _check_moved(study: Study, key: str, option: str, path: Path, material: Material | None) -> None:
    kind = "file" if key in _SPLITS else "folder"
    if not (path.is_file() if key in _SPLITS else path.is_dir()):
        allowed = f"the {key} {kind} of study {study.name!r}"
        raise UserError(f"{option}: there is no such {kind}", allowed, "check the path")
    if material is None:  # no trial yet
        return
    recorded, content = material.hashes.get(key), ""
    if key in _SPLITS:
        recorded, content = material.splits[key].sha256, file_sha256(path)
    elif recorded is not None:
        content = origin.folder_hash(path)
    if recorded is not None and content != recorded:
        problem = f"{option}: its content is not that of the {key} {kind} of study {study.name!r}"
        allowed = f"the {kind} that was moved, unchanged, so that trials compare"
        raise UserError(problem, allowed, f"name that {kind}, or start a new study")


def check_folders(study: Study, material: Material | None) -> None:
    """Checks that the folders of models that a session will read are there, and the same as before; base models too.

    Raises:
        UserError: One is missing, with the option that names it again, or its content has changed.
    """
    space, paths = study.space, study.paths
    has_bases = material is not None and material.has_base_models(paths)
    if material is not None:
        for variant in material.tables:
            check_base_model(study, material, paths.base_model(variant))
    for key in MODEL_KEYS:
        folder = getattr(space, key)
        if not origin.is_folder(folder) or (has_bases and key != "rdass_encoder"):
            continue
        if not os.path.isdir(folder):
            problem = f"the {key} of study {study.name!r} is missing: {folder}"
            todo = paths.command("resume", f"--{key.replace('_', '-')}", "FOLDER")
            raise UserError(problem, "the folder that the study was started with, wherever it is now", todo)
        recorded = material.hashes.get(key) if material else None
        if recorded is not None and origin.folder_hash(Path(folder)) != recorded:
            problem = f"the {key} of study {study.name!r} has changed: {folder}"
            raise UserError(problem, "the same files, so that trials compare", "put them back, or start a new study")


def check_unchanged(study: Study, material: Material, splits: Splits) -> Material:
    """Checks that the splits and settings are those of the study's earlier sessions, wherever their files are.

    Returns:
        The material with the present paths.

    Raises:
        UserError: A file has changed, or a setting that the rows or scores depend on.
    """
    recorded, present = material.splits, splits.described()
    origin.check_settings(study.paths.space, material.settings, study.space)
    files = {**recorded, **present}
    changed = [name for name in sorted(files) if _content(recorded.get(name)) != _content(present.get(name))]
    if changed:
        raise UserError(
            f"the data of study {study.name!r} has changed: "
            + ", ".join(f"{name} ({files[name].path})" for name in changed),
            "the same files, so that trials compare",
            "put the old files back, or start a new study",
        )
    options = material.task_options
    if study.space.rdass_encoder and "rdass_encoder" in options:
        options = {**options, "rdass_encoder": study.space.rdass_encoder}
    hashes = {**material.hashes, "space": origin.search_hash(study.space)}
    return msgspec.structs.replace(material, splits=present, task_options=options, hashes=hashes)


def check_edits(study: Study, recorded: Material) -> str:
    """Checks the ranges and fixed parameters of a `study.yaml` that was edited since the last session.

    Returns:
        A line for the user; empty if nothing was edited.

    Raises:
        UserError: A configuration of the edited space cannot be trained.
    """
    if recorded.hashes.get("space") in (None, origin.search_hash(study.space)):  # None: an earlier version
        return ""
    try:
        tokenizer_variants(study.space)
        check_configs(study.space)
    except UserError as error:
        raise UserError(f"{study.paths.space}: {error.problem}", error.allowed, error.todo) from error
    return f"{study.paths.space.name} was edited: new trials follow its present ranges and fixed parameters"


def save_paths(study: Study, material: Material | None, recorded: Material | None) -> None:
    """Writes the space, and `data.json` if paths in it have changed."""
    study.save_space()
    if material is not None and material != recorded:
        material.save(study.paths)
        study.publish(study.paths.data)


def _content(split: SplitFile | None) -> tuple[int, str] | None:
    return None if split is None else (split.rows, split.sha256)
