"""What a study makes once, before any trial: splits, base model, tokenised tables. No Ray."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from corpora.dialogues import write_samples
from corpora.splits import Split, Splits, read_splits
from search_spaces.schema import Columns, Data, Space
from trainables.metrics import text_tokenizer
from trainables.models import load_tokenizer, prepare_base
from trainables.tasks import Limits, Prepared, task_named
from tuning.samplers import derived_seed
from tuning.study import Paths, Study, TrialRecord, write_json

Say = Callable[[str], None]


@dataclass(frozen=True)
class Material:
    """What trials read. Written to `data.json`, so that `resume` can tell whether the files are still the same."""

    splits: dict[str, dict[str, Any]]  # path, rows, sha256
    tables: dict[str, str]  # split -> folder of its tokenised table
    rouge_tokenizer: str  # full name, with versions
    remarks: list[str]

    @classmethod
    def load(cls, paths: Paths) -> Material | None:
        """What was written, if all of it is still there."""
        if not paths.data.is_file() or not paths.base_model.is_dir():
            return None
        found = cls(**json.loads(paths.data.read_text(encoding="utf-8")))
        return found if all(Path(folder).is_dir() for folder in found.tables.values()) else None


def with_samples(space: Space, folder: Path) -> Space:
    """The space with the embedded dialogues written to `folder` as its data."""
    files = write_samples(folder, train=2000)
    # From here on they are files like any others, or `resume` would find two kinds of data.
    data = Data(train=str(files["train"]), dev=str(files["dev"]), test=str(files["test"]), embedded=False)
    return replace(space, data=data, columns=Columns(id="fname", source="dialogue", target="summary"))


def read(space: Space) -> Splits:
    """The study's splits.

    Raises:
        UserError: a file is missing, or holds what cannot be used.
    """
    data = space.data
    columns = {"id": space.columns["id"], "source": space.columns["source"], "target": space.columns["target"]}
    seed = derived_seed(space.seed, "split")
    return read_splits(str(data["train"]), data["dev"], data["test"], columns, seed=seed)


def prepare(study: Study, splits: Splits, say: Say) -> Material:
    """Base model and tokenised tables, each made once."""
    space, paths = study.space, study.paths
    texts = [row[role] for row in splits.train.rows for role in ("source", "target")]
    prepare_base(
        paths.base_model,
        model=space.model,
        tokenizer=space.tokenizer,
        texts=texts,
        special_tokens=space.special_tokens,
        seed=derived_seed(space.seed, "weights"),
    )
    words = load_tokenizer(str(paths.base_model))
    tables, remarks = {}, list(splits.remarks)
    for name, split in _named(splits).items():
        made = task_named(space.task).prepare(
            split.rows,
            words,
            Limits(space.max_source_length, space.max_target_length),
            space.rouge_tokenizer,
            paths.cache,
            scored=name != "train",
        )
        tables[name] = str(made.folder)
        remarks += _cut(name, made, space)
    material = Material(splits.described(), tables, text_tokenizer(space.rouge_tokenizer).name, remarks)
    write_json(paths.data, asdict(material))
    for remark in remarks:
        say(remark)
    return material


def _named(splits: Splits) -> dict[str, Split]:
    named = {"train": splits.train, "dev": splits.dev, "test": splits.test}
    return {name: split for name, split in named.items() if split is not None}


def _cut(name: str, made: Prepared, space: Space) -> list[str]:
    cut = [
        f"{count} {role} cut to {limit} tokens ({key})"
        for count, role, limit, key in (
            (made.cut_sources, "dialogues", space.max_source_length, "max_source_length"),
            (made.cut_targets, "summaries", space.max_target_length, "max_target_length"),
        )
        if count
    ]
    return [f"{name}, {made.rows} rows: {', '.join(cut)}"] if cut else []


def make_job(
    study: Study, material: Material, tracking: dict[str, Any] | None
) -> Callable[[TrialRecord], dict[str, Any]]:
    """What makes a worker's job of a trial's record."""
    space, paths = study.space, study.paths
    shared = {
        "study": study.name,
        "task": space.task,
        "model": space.model,
        "metric": space.metric,
        "rouge_tokenizer": material.rouge_tokenizer,
        "study_seed": space.seed,
        "eval_every": space.eval_every,
        "max_source_length": space.max_source_length,
        "max_target_length": space.max_target_length,
        "data": material.splits,
    }

    def make(record: TrialRecord) -> dict[str, Any]:
        decided = record.results[-1].epoch if record.results else 0.0
        folder = paths.trial(record.trial_id)
        return {
            "trial_id": record.trial_id,
            "number": record.number,
            "task": space.task,
            "base_model": str(paths.base_model),
            "train": material.tables["train"],
            "dev": material.tables["dev"],
            "config": record.config,
            # One seed for all: trials then differ by their configuration alone.
            "seed": derived_seed(space.seed, "training"),
            "metric": space.metric,
            "mode": study.mode,
            "eval_every": space.eval_every,
            "max_epochs": record.max_epochs,
            "rouge_tokenizer": space.rouge_tokenizer,
            "remove_tokens": list(space.remove_tokens),
            "folder": str(folder),
            "decided_epoch": decided,
            "tracking": {
                **tracking,
                "run_id": record.trial_id,
                "name": record.trial_id,
                "group": study.name,
                "config": {**shared, **record.config, "trial": record.number, "recipe_default": record.is_default},
                "record": str(folder / "tracking.json"),
            }
            if tracking
            else {},
        }

    return make
