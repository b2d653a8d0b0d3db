"""A seed gives one study, whatever the process: samples, splits, tokenizers, weights, and configurations."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from delivery.sessions.space_options import resolve_space
from search_spaces.resolve import list_spaces
from trainables.models.base_models import make_base
from trainables.models.scratch import get_architecture
from tuning import preparation
from tuning.algorithms.optuna_storage import open_study
from tuning.algorithms.samplers import ask, defaults, suggest
from tuning.tokenizers import TokenizerVariant

ROOT = Path(__file__).parents[2]

#: Fewer tokens than the samples have letters, so that equally frequent letters compete.
_VOCABULARY = 150


def digests(folder: Path) -> dict[str, str]:
    """Returns part of a study -> SHA-256 of its content, for every space and every tokenizer kind."""
    parts: dict[str, Any] = {}
    for name in list_spaces():
        sets = ["model=scratch:tiny", "data.dev_share=0.2", "data.rows=150", "filters.drop_duplicates=true"]
        space = resolve_space(name, {}, sets, [], None)
        space = preparation.with_samples(space, folder / name)
        space = replace(space, data=replace(space.data, dev=None, test=None))  # the splits are drawn
        splits = preparation.read(space)
        task = preparation.learn(space, splits)
        parts[f"{name} splits"] = [split.rows for split in (splits.train, splits.dev, splits.test) if split]
        parts[f"{name} task"] = task.to_options()
        texts = [row[role] for row in splits.train.rows for role in task.tokenizer_roles if role in row]
        architecture = get_architecture(space.architecture)
        for kind in architecture.kinds if architecture.tokenizer is None else (None,):
            variant = TokenizerVariant(kind, _VOCABULARY if kind else None)
            base = make_base(preparation.base_recipe(space, variant), task, texts)
            parts[f"{name} {kind} tokens"] = sorted(base.tokenizer.get_vocab().items())
            encoded = [base.tokenizer(text)["input_ids"] for text in texts[:20]]
            parts[f"{name} {kind} encoded"] = encoded
            weights = torch.cat([weight.flatten() for weight in base.model.state_dict().values()])
            parts[f"{name} {kind} weights"] = hashlib.sha256(weights.numpy().tobytes()).hexdigest()
        study = open_study(folder / f"{name}.db", space)
        parts[f"{name} trials"] = [defaults(space.search)]
        for number in range(3):
            trial = ask(study, space, number)
            parts[f"{name} trials"].append(suggest(trial, space.search))
            study.tell(trial, number)
    text = {part: json.dumps(content, ensure_ascii=False) for part, content in parts.items()}
    return {part: hashlib.sha256(content.encode()).hexdigest()[:16] for part, content in text.items()}


def test_two_processes_make_the_same_study(tmp_path: Path) -> None:
    """Sets and dictionaries of Python and of the tokenizers' library have another order in each process."""
    code = f"import json, sys, pathlib, {__name__}; print(json.dumps({__name__}.digests(pathlib.Path(sys.argv[1]))))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        for seed in ("1", "2")
    ]
    first, second = (json.loads(process.communicate(timeout=120)[0]) for process in processes)
    assert len(first) > 20
    assert {part for part in first if first[part] != second.get(part)} == set()
