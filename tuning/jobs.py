"""Makes the job of a trial from its record and the study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from foundation import buckets
from foundation.checked_json import plain
from search_spaces.ranges import ends
from search_spaces.schema import Space
from trainables.models.scratch import scratch_size
from trainables.tracking.run_settings import RunSettings, TensorBoardSettings
from trainables.training.job import EpochValue, Job
from tuning.algorithms.samplers import derived_seed
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import variant_of
from tuning.wandb_settings import TrackingSettings


def make_job(study: Study, material: Material, tracking: TrackingSettings | None) -> Callable[[TrialRecord], Job]:
    """Returns a function that makes the job of a trial.

    Args:
        tracking: W&B settings that all trials share; None for no runs.
    """
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

    def run_settings(record: TrialRecord, folder: str) -> RunSettings | None:
        if tracking is None:
            return None
        return RunSettings(
            **asdict(tracking),
            run_id=record.trial_id,
            name=record.trial_id,
            group=study.name,
            config={
                **shared,
                **record.config,
                "trial": record.number,
                "recipe_default": record.is_default and not space.unset_defaults,
            },
            record=buckets.join(folder, "tracking.json"),
        )

    def tensorboard_settings(record: TrialRecord) -> TensorBoardSettings | None:
        if not space.tracking.uses_tensorboard:
            return None
        # A trial lacks the parameters whose conditions it does not fulfil; null is no value of a column.
        values = {name: (searched.default, *ends(searched)) for name, searched in space.search.items()}
        columns = {name: next((item for item in several if item is not None), "") for name, several in values.items()}
        return TensorBoardSettings(
            config=record.config, columns={**columns, **record.config}, metric=study.metric, mode=study.mode
        )

    def make(record: TrialRecord) -> Job:
        folder = paths.address(paths.trial(record.trial_id))
        tables = material.tables[variant_of(record.config)]
        return Job(
            trial_id=record.trial_id,
            number=record.number,
            task=space.task,
            task_options=material.task_options,
            base_model=paths.address(paths.base_model(variant_of(record.config))),
            train=paths.address(Path(tables["train"])),
            dev=paths.address(Path(tables["dev"])),
            config=record.config,
            # All trials have the same seed, so that they differ by their configuration alone; repeats have their own.
            seed=_seed(space, record.number),
            metric=study.metric,
            mode=study.mode,
            eval_every=space.eval_every,
            max_epochs=record.max_epochs,
            folder=folder,
            weights_seed=derived_seed(space.seed, "weights") if scratch_size(space.model) else None,
            trust_remote_code=space.trust_remote_code,
            decided_epoch=record.results[-1].epoch if record.results else 0.0,
            evaluations=tuple(
                EpochValue(result.epoch, result.metrics[study.metric], result.metrics.get("loss"))
                for result in record.results
            ),
            memory=paths.address(paths.memory),
            tracking=run_settings(record, folder),
            tensorboard=tensorboard_settings(record),
        )

    return make


def _seed(space: Space, number: int) -> int:
    repeat = space.sampler.repeat_of(number)
    return derived_seed(space.seed, "training", *([repeat] if repeat else []))
