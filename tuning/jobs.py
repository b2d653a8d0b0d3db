"""What a worker is told of a trial: the job of its record, a plain dict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from foundation import buckets
from foundation.checked_json import plain
from trainables.models.scratch import scratch_size
from tuning.algorithms.samplers import derived_seed
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import variant_of


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
        "rouge_tokenizer": material.scored_with,
        "study_seed": space.seed,
        "eval_every": space.eval_every,
        "max_source_length": space.max_source_length,
        "max_target_length": space.max_target_length,
        "data": plain(material.splits),
    }

    def make(record: TrialRecord) -> dict[str, Any]:
        decided = record.results[-1].epoch if record.results else 0.0
        folder = paths.address(paths.trial(record.trial_id))
        return {
            "trial_id": record.trial_id,
            "number": record.number,
            "task": space.task,
            "task_options": material.task_options,
            "base_model": paths.address(paths.base_model(variant_of(record.config))),
            "train": paths.address(Path(material.tables[variant_of(record.config)]["train"])),
            "dev": paths.address(Path(material.tables[variant_of(record.config)]["dev"])),
            "config": record.config,
            # One seed for all: trials then differ by their configuration alone.
            "seed": derived_seed(space.seed, "training"),
            "metric": space.metric,
            "mode": study.mode,
            "eval_every": space.eval_every,
            "max_epochs": record.max_epochs,
            "folder": folder,
            "weights_seed": derived_seed(space.seed, "weights") if scratch_size(space.model) else None,
            "trust_remote_code": space.trust_remote_code,
            "decided_epoch": decided,
            "evaluations": [list(entry) for entry in record.values(space.metric or "").items()],
            "memory": paths.address(paths.memory),
            "tracking": {
                **tracking,
                "run_id": record.trial_id,
                "name": record.trial_id,
                "group": study.name,
                "config": {**shared, **record.config, "trial": record.number, "recipe_default": record.is_default},
                "record": buckets.join(folder, "tracking.json"),
            }
            if tracking
            else {},
        }

    return make
