"""Prepares a study before its first trial: reads the splits, and makes base models and tokenized tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from corpora import filters
from corpora.classes import class_counts
from corpora.samples.registry import SAMPLES
from corpora.splits import Layout, Rows, Split, Splits, dev_problems, read_splits
from corpora.tokenised import is_intact, open_table
from foundation import buckets
from foundation.errors import UserError, nearest
from search_spaces.schema import Columns, Data, Space
from trainables.models.base_models import Recipe, prepare_base
from trainables.models.hub import load_tokenizer
from trainables.tasks.registry import get_task_class, make_task
from trainables.tasks.task import Limits, Task, TokenisedSplit
from trainables.text.coverage import coverage_lines, measure_split
from tuning.algorithms.samplers import derived_seed
from tuning.base_model_hashes import base_model_hashes
from tuning.studies import origin
from tuning.studies.material import Material
from tuning.studies.permissions import make_private
from tuning.studies.study import Study
from tuning.tokenizers import TokenizerVariant, tokenizer_variants

Say = Callable[[str], None]


def task_of(space: Space, material: Material) -> Task:
    """Returns the task of a study, with the options that it learned from the training rows."""
    return make_task(space.task, material.task_options, "data.json: task_options")


def with_samples(space: Space, folder: Path) -> Space:
    """Writes the embedded sample of the space to `folder`, and returns the space with these files as its data.

    Raises:
        UserError: There is no such sample.
    """
    if space.sample not in SAMPLES:
        raise UserError(
            f"sample {space.sample!r} is unknown",
            ", ".join(SAMPLES),
            nearest(space.sample, SAMPLES) or "choose one of them",
        )
    sample = SAMPLES[space.sample]
    files = sample.write(folder)
    # From here on they are data files like any others, so that `resume` reads one kind of data.
    data = replace(with_files(space.data, files), embedded=False)
    names = sample.columns
    columns = Columns(names.get("id"), names["source"], names.get("pair"), names["target"], sample.header)
    return replace(space, data=data, columns=columns)


def with_copies(space: Space, folder: Path) -> Space:
    """Copies the data files to `folder`, for other machines, and returns the space with the copies as its data."""
    folder.mkdir(parents=True, exist_ok=True)
    copies: dict[str, Path] = {}
    for split in ("train", "dev", "test"):
        if original := getattr(space.data, split):
            copies[split] = folder / f"{split}{Path(original).suffix}"
            if Path(original) != copies[split]:
                shutil.copyfile(original, copies[split])
    return replace(space, data=with_files(space.data, copies))


def with_files(data: Data, files: Mapping[str, Path]) -> Data:
    """Returns the data section with other files; splits without a new file keep theirs."""
    train, dev, test = (str(files[name]) if name in files else getattr(data, name) for name in ("train", "dev", "test"))
    return replace(data, train=train, dev=dev, test=test)


def layout_of(space: Space) -> Layout:
    """Returns how the study's files are written."""
    columns, data = space.columns, space.data
    return Layout(columns.by_role, columns.header, data.quoting, data.broken_rows, data.labels, columns.targets)


def read(space: Space) -> Splits:
    """Reads the splits of a space, and filters the training rows.

    Raises:
        UserError: A file is missing, or has rows that cannot be used.
    """
    data, task = space.data, get_task_class(space.task)
    if len(space.columns.targets) > 1 and not task.is_generative:
        names = ", ".join(space.columns.targets)
        problem = f"columns.target is the list {names}, and the task is {space.task}"
        raise UserError(problem, "one column: a row has one class or one number", "--set columns.target=NAME")
    splits = read_splits(
        str(data.train),
        data.dev,
        data.test,
        layout_of(space),
        seed=derived_seed(space.seed, "split"),
        split_by=task.split_by(space),
        classes=task.has_classes(space),
        dev_share=data.dev_share,
        split_version=data.split_version,
    )
    options, seed = filters.Filters(**asdict(space.filters)), derived_seed(space.seed, "sample")
    learnable, removed = filters.apply(splits.train.rows, replace(options, sample=None), seed)
    sampled, _ = filters.apply(learnable, filters.Filters(sample=data.rows or options.sample), seed)
    remarks = [*splits.remarks, *(part.line() for part in removed)]
    if data.rows or options.sample:
        limits = f"; dev and test have at most {data.rows:,} rows" if data.rows else ""
        remarks.append(f"{len(sampled):,} of {len(learnable):,} train rows are drawn at random{limits}")
    if task.has_classes(space) and (missing := _targets(learnable) - _targets(sampled)):
        remarks.append(f"train: the sample has no row of {', '.join(sorted(missing))}")
    result = replace(splits, train=replace(splits.train, rows=sampled), learnable=learnable, remarks=remarks)
    if data.rows:  # a debug run does not wait for 50,000 rows to be scored
        result = replace(result, dev=_sampled(result.dev, space), test=result.test and _sampled(result.test, space))
    for name, split in splits_by_name(result).items():
        if name != "train" and (several := sum("target_2" in row for row in split.rows)):
            scored = f"ROUGE of a row is the {space.reference_scores} over them"
            result = replace(
                result, remarks=[*result.remarks, f"{name}: {several:,} rows have several targets; {scored}"]
            )
    if task.has_classes(space):
        counts = class_counts({name: split.rows for name, split in splits_by_name(result).items()})
        result = replace(result, remarks=[*result.remarks, counts])
    if options.strip_whitespace:  # it removes no row, and a model is scored on texts like those it learned from
        result = replace(result, dev=_stripped(result.dev), test=result.test and _stripped(result.test))
    return replace(result, remarks=[*result.remarks, *dev_problems(result.dev.rows)])


def _targets(rows: Rows) -> set[str]:
    return {row["target"] for row in rows}


def _sampled(split: Split, space: Space) -> Split:
    return replace(split, rows=filters.apply(split.rows, filters.Filters(sample=space.data.rows), space.seed)[0])


def _stripped(split: Split) -> Split:
    return replace(split, rows=[filters.strip_row(row) for row in split.rows])


def learn(space: Space, splits: Splits) -> Task:
    """Returns the task of a space, with the options that it learns from the training rows.

    Raises:
        UserError: The task cannot learn from the rows.
    """
    rows = {**{name: split.rows for name, split in splits_by_name(splits).items()}, "train": splits.learnable}
    return get_task_class(space.task).learn(space, rows)


def is_prepared(study: Study, material: Material | None) -> bool:
    """Whether every tokenizer of the space has its base model and tables.

    They are missing if the study was interrupted before its first trial, if the cache was deleted or damaged, or if the
    space was edited and searches another tokenizer.
    """
    if material is None or not material.is_complete(study.paths):
        return False
    if not study.paths.bucket and not all(is_intact(Path(folder)) for folder in _tables(material)):
        return False
    return {variant.name for variant in tokenizer_variants(study.space)} <= material.tables.keys()


def _tables(material: Material) -> list[str]:
    return [folder for tables in material.tables.values() for folder in tables.values()]


def prepare(study: Study, splits: Splits, say: Say, recorded: Material | None = None) -> Material:
    """Makes the base model and the tokenized tables of every tokenizer, and writes `data.json`.

    Args:
        recorded: The content of `data.json` if the study was prepared before and has lost folders. What the task
            learned and the base models that exist stay as they are, so that trials compare.
    """
    space, paths = study.space, study.paths
    task = learn(space, splits) if recorded is None else task_of(space, recorded)
    remarks, tables = list(splits.remarks), dict[str, dict[str, str]]()
    hashes = dict(recorded.hashes) if recorded else {}
    if recorded is None and space.rdass_encoder and origin.is_folder(space.rdass_encoder):
        hashes["rdass_encoder"] = origin.folder_hash(Path(space.rdass_encoder))
    for variant in tokenizer_variants(space):
        texts = (row[role] for row in splits.train.rows for role in task.tokenizer_roles if role in row)
        recipe = base_recipe(space, variant)
        base = paths.base_model(variant.name)
        base.parent.mkdir(parents=True, exist_ok=True)
        if recorded is None or not base.is_dir():
            remarks += prepare_base(base, recipe, task, texts)
            hashes |= base_model_hashes(base, space.model, recorded)
        make_private(paths.cache, exist_ok=True)
        tokenizer = load_tokenizer(str(base), is_generative=task.is_generative, trust=space.trust_remote_code)
        tokenized = _tokenized(task, splits, tokenizer, space, paths.cache)
        tables[variant.name] = {name: str(table.folder) for name, table in tokenized.items()}
        if len(tables) == 1:
            remarks += [line for name, table in tokenized.items() for line in _truncation_remarks(name, table, space)]
        coverage = {
            name: measure_split(split.rows, open_table(tokenized[name].folder), tokenizer, targets=task.is_generative)
            for name, split in splits_by_name(splits).items()
        }
        lines = coverage_lines(coverage, tokenizer, is_trained=recipe.tokenizer_source is None)
        remarks += [f"{variant.name}: {line}" if variant.name else line for line in lines]
    for name in sorted((recorded.tables if recorded else {}).keys() - tables.keys()):
        # The space was edited; an interrupted trial may still need a tokenizer that is no longer searched.
        if (base := paths.base_model(name)).is_dir():
            tokenizer = load_tokenizer(str(base), is_generative=task.is_generative, trust=space.trust_remote_code)
            tokenized = _tokenized(task, splits, tokenizer, space, paths.cache)
            tables[name] = {split: str(table.folder) for split, table in tokenized.items()}
    hashes["space"] = origin.search_hash(space)
    settings = origin.settings_of(space) if recorded is None else recorded.settings
    weak = dev_problems(splits.dev.rows)
    described, options = splits.described(), task.to_options()
    material = Material(described, options, tables, task.metric_tokenizer, remarks, settings, hashes, weak)
    material.save(paths)
    _publish(study, material)
    for remark in remarks:
        say(remark)
    return material


def _is_uploaded(folder: Path, address: str) -> bool:
    """Whether all of a folder is at its address; an upload may have been interrupted."""
    return buckets.sizes(address) == buckets.files_in(folder)


def _publish(study: Study, material: Material) -> None:
    """Uploads the input of trials, except for tables in the bucket: their names are hashes of their content."""
    paths = study.paths
    for variant, tables in material.tables.items():
        study.publish(paths.base_model(variant))
        folders = [Path(folder) for folder in tables.values()]
        if paths.bucket:
            study.publish(*(folder for folder in folders if not _is_uploaded(folder, paths.address(folder))))
    study.publish(paths.data)


def base_recipe(space: Space, variant: TokenizerVariant) -> Recipe:
    """Returns what the base model of a space is made from, with one of its tokenizers."""
    return Recipe(
        space.model,
        space.architecture,
        space.tokenizer,
        variant.kind,
        variant.vocabulary,
        space.special_tokens,
        derived_seed(space.seed, "weights"),
        space.trust_remote_code,
        space.source_language,
        space.target_language,
    )


def _tokenized(
    task: Task, splits: Splits, tokenizer: PreTrainedTokenizerBase, space: Space, cache: Path
) -> dict[str, TokenisedSplit]:
    limits = Limits(space.max_source_length, space.max_target_length)
    return {
        name: task.prepare(split.rows, tokenizer, limits, cache, scored=name != "train")
        for name, split in splits_by_name(splits).items()
    }


def splits_by_name(splits: Splits) -> dict[str, Split]:
    """Returns train, dev and, if there is one, test."""
    by_name = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return {name: split for name, split in by_name.items() if split is not None}


def _truncation_remarks(name: str, table: TokenisedSplit, space: Space) -> list[str]:
    parts = [
        f"{count} {role} cut to {limit} tokens ({key})"
        for count, role, limit, key in (
            (table.cut_sources, "sources", space.max_source_length, "max_source_length"),
            (table.cut_targets, "targets", space.max_target_length, "max_target_length"),
        )
        if count
    ]
    return [f"{name}, {table.rows} rows: {', '.join(parts)}"] if parts else []
