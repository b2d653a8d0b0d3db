"""What a study makes once, before any trial: splits, base models, tokenised tables. No Ray."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from corpora import filters
from corpora.samples.registry import SAMPLES
from corpora.splits import Layout, Rows, Split, Splits, read_splits
from foundation import buckets
from foundation.errors import UserError, nearest
from search_spaces.schema import Columns, Space
from trainables.models.base_models import Recipe, prepare_base
from trainables.models.hub import load_tokenizer
from trainables.tasks.registry import make_task, task_named
from trainables.tasks.task import Limits, Task, TokenisedSplit
from tuning.algorithms.samplers import derived_seed
from tuning.studies.material import Material
from tuning.studies.permissions import make_private
from tuning.studies.study import Study
from tuning.tokenizers import tokenizers_of, variant_named

Say = Callable[[str], None]


def task_of(space: Space, material: Material) -> Task:
    """The task of a study, with the options that were learned from its training rows."""
    return make_task(space.task, material.task_options)


def with_samples(space: Space, folder: Path) -> Space:
    """The space with its embedded sample written to `folder` as its data.

    Raises:
        UserError: there is no such sample.
    """
    if space.sample not in SAMPLES:
        raise UserError(f"sample {space.sample!r} is unknown", ", ".join(SAMPLES), nearest(space.sample, SAMPLES))
    sample = SAMPLES[space.sample]
    files = sample.write(folder)
    # From here on they are files like any others, or `resume` would find two kinds of data.
    paths: dict[str, Any] = {split: str(path) for split, path in files.items()}
    columns: dict[str, Any] = {"id": None, "pair": None, **sample.columns, "header": sample.header}
    return replace(space, data=replace(space.data, embedded=False, **paths), columns=Columns(**columns))


def with_copies(space: Space, folder: Path) -> Space:
    """The space with its data files copied to `folder`, for other machines to find them there."""
    folder.mkdir(parents=True, exist_ok=True)
    copies: dict[str, Any] = {}
    for split in ("train", "dev", "test"):
        if given := getattr(space.data, split):
            copies[split] = str(folder / f"{split}{Path(given).suffix}")
            shutil.copyfile(given, copies[split])
    return replace(space, data=replace(space.data, **copies))


def layout_of(space: Space) -> Layout:
    """How the study's files are written."""
    roles = ("id", "source", "pair", "target")
    named: dict[str, str | None] = {role: getattr(space.columns, role) for role in roles}
    data = space.data
    return Layout(named, space.columns.header, data.quoting, data.broken_rows, data.labels)


def read(space: Space) -> Splits:
    """The study's splits, training rows filtered.

    Raises:
        UserError: a file is missing, or holds what cannot be used.
    """
    data, task = space.data, task_named(space.task)
    splits = read_splits(
        str(data.train),
        data.dev,
        data.test,
        layout_of(space),
        seed=derived_seed(space.seed, "split"),
        split_by=task.split_by(space),
        classes=task.has_classes(space),
        dev_share=data.dev_share,
    )
    wanted, seed = filters.Filters(**asdict(space.filters)), derived_seed(space.seed, "sample")
    learnable, taken = filters.apply(splits.train.rows, replace(wanted, sample=None), seed)
    kept, drawn = filters.apply(learnable, filters.Filters(sample=wanted.sample), seed)
    remarks = [*splits.remarks, *(part.line() for part in (*taken, *drawn))]
    if task.has_classes(space) and (lost := _targets(learnable) - _targets(kept)):
        remarks.append(f"train: the sample has no row of {', '.join(sorted(lost))}")
    found = replace(splits, train=replace(splits.train, rows=kept), learnable=learnable, remarks=remarks)
    if wanted.strip_whitespace:  # it takes no row, and a model is to be judged on texts such as it has learned
        found = replace(found, dev=_stripped(found.dev), test=found.test and _stripped(found.test))
    return found


def _targets(rows: Rows) -> set[str]:
    return {row["target"] for row in rows}


def _stripped(split: Split) -> Split:
    return replace(split, rows=[filters.strip_row(row) for row in split.rows])


def learn(space: Space, splits: Splits) -> Task:
    """The task as the study has it.

    Raises:
        UserError: rows that cannot be learned from, or a metric that the task's options leave out.
    """
    rows = {**{name: split.rows for name, split in _named(splits).items()}, "train": splits.learnable}
    task = task_named(space.task).learn(space, rows)
    available = task.available_metrics()
    for metric in task.metrics:
        if metric.name == space.metric and metric not in available:
            given, names = f"metric {metric.name} needs {metric.requires}", (one.name for one in available)
            raise UserError(given, ", ".join(names), f"--set {metric.requires}=…")
    return task


def prepare(study: Study, splits: Splits, say: Say) -> Material:
    """Base models and tokenised tables, each made once."""
    space, paths = study.space, study.paths
    task = learn(space, splits)
    remarks, tables = list(splits.remarks), dict[str, dict[str, str]]()
    for kind, vocabulary in tokenizers_of(space):
        variant = variant_named(kind, vocabulary)
        texts = (row[role] for row in splits.train.rows for role in task.tokenizer_roles if role in row)
        recipe = Recipe(
            space.model,
            space.architecture,
            space.tokenizer,
            kind,
            vocabulary,
            space.special_tokens,
            derived_seed(space.seed, "weights"),
            space.trust_remote_code,
        )
        base = paths.base_model(variant)
        base.parent.mkdir(parents=True, exist_ok=True)
        prepare_base(base, recipe, task, texts)
        make_private(paths.cache, exist_ok=True)
        made = _tokenised(task, splits, base, space, paths.cache)
        tables[variant] = {name: str(prepared.folder) for name, prepared in made.items()}
        if len(tables) == 1:
            remarks += [line for name, prepared in made.items() for line in _cut(name, prepared, space)]
    material = Material(splits.described(), task.to_options(), tables, task.metric_tokenizer, remarks)
    material.save(paths)
    _publish(study, material)
    for remark in remarks:
        say(remark)
    return material


def _is_copied(folder: Path, address: str) -> bool:
    """Whether all of a folder lies at its address; somebody may have died while he brought it there."""
    return buckets.sizes(address) == buckets.files_in(folder)


def _publish(study: Study, material: Material) -> None:
    """What trials read, where all machines find it; a table that is there already is what it would be."""
    paths = study.paths
    for variant, tables in material.tables.items():
        study.publish(paths.base_model(variant))
        folders = [Path(folder) for folder in tables.values()]
        study.publish(*(folder for folder in folders if paths.bucket and not _is_copied(folder, paths.address(folder))))
    study.publish(paths.data)


def _tokenised(task: Task, splits: Splits, base: Path, space: Space, cache: Path) -> dict[str, TokenisedSplit]:
    words = load_tokenizer(str(base), is_generative=task.is_generative, trust=space.trust_remote_code)
    limits = Limits(space.max_source_length, space.max_target_length)
    return {
        name: task.prepare(split.rows, words, limits, cache, scored=name != "train")
        for name, split in _named(splits).items()
    }


def _named(splits: Splits) -> dict[str, Split]:
    named = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return {name: split for name, split in named.items() if split is not None}


def _cut(name: str, made: TokenisedSplit, space: Space) -> list[str]:
    cut = [
        f"{count} {role} cut to {limit} tokens ({key})"
        for count, role, limit, key in (
            (made.cut_sources, "sources", space.max_source_length, "max_source_length"),
            (made.cut_targets, "targets", space.max_target_length, "max_target_length"),
        )
        if count
    ]
    return [f"{name}, {made.rows} rows: {', '.join(cut)}"] if cut else []
