"""Makes the summary of a study from its records."""

from __future__ import annotations

import shlex
from importlib.metadata import version

from delivery.results import remarks
from delivery.results.best_model import BestModel, best_model
from delivery.results.scores import Score
from delivery.results.summary import VERSION, BestTrial, DefaultTrial, Failure, Summary, TrialCounts
from foundation import buckets
from foundation.errors import program
from foundation.statuses import ENDED, TrialStatus
from trainables.training.job import JOB, TRACE
from tuning.studies import retention
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

_LIBRARIES = (
    "torch",
    "transformers",
    "ray",
    "optuna",
    "accelerate",
    "datasets",
    "wandb",
    "kiwipiepy",
    "rouge-score",
    "sacrebleu",
)


def summarize(
    study: Study,
    material: Material,
    *,
    slots: int,
    worker_groups_started: int,
    wall_seconds: float,
    test: Score | None = None,
    chosen: BestModel | None = None,
) -> Summary:
    """Returns the summary of a study as it is now.

    `best` is the best trial whose model was saved; values are of the dev split.

    Args:
        chosen: The model that is exported; default: the best one.
    """
    chosen = chosen or best_model(study)
    best = chosen.record if chosen else None
    counts = {str(status): len(study.with_status(status)) for status in ENDED}
    unfinished = len(study.with_status(TrialStatus.RUNNING))
    return Summary(
        version=VERSION,
        study=study.name,
        space=study.space.name,
        task=study.space.task,
        model=study.space.model,
        metric=study.metric,
        mode=study.mode,
        rouge_tokenizer=material.scored_with or None,
        trials=TrialCounts(total=len(study.records), **counts, unfinished=unfinished),
        best=_best(study, best) if best else None,
        default=_default(study, best),
        test=test,
        failures=[_failure(study, record) for record in study.with_status(TrialStatus.FAILED)],
        slots=slots,
        worker_groups_started=worker_groups_started,
        wall_seconds=round(wall_seconds, 1),
        data=material.splits,
        versions={name: version(name) for name in ("kotune", *_LIBRARIES)},
        best_model=study.paths.address(study.paths.best_model) if chosen and chosen.point else None,
        notes=remarks.notes(study),
        warnings=[*_lost(study, chosen), *remarks.warnings(study, material.warnings)],
    )


def _lost(study: Study, chosen: BestModel | None) -> list[str]:
    if chosen is None or chosen.point is not None:
        return [*chosen.lost] if chosen else []
    return [
        f"{chosen.lost[0]}; nothing is exported: {study.paths.command('export', '--next-best')} takes the next best"
    ]


def _failure(study: Study, record: TrialRecord) -> Failure:
    folder = study.paths.address(study.paths.trial(record.trial_id))
    trace = buckets.read(buckets.join(folder, TRACE))
    return Failure(
        trial=record.trial_id,
        reason=record.reason,
        config=record.config,
        trace=trace.decode(errors="replace") if trace is not None else None,
        log=str(study.paths.log),
        alone=f"{program('python')} -m trainables.training.trial {shlex.quote(buckets.join(folder, JOB))}",
    )


def _best(study: Study, record: TrialRecord) -> BestTrial:
    point = retention.saved_model(study, record)
    epoch = point.epoch if point else record.best_epoch(study.metric, study.mode)
    result = next(result for result in record.results if result.epoch == epoch)
    return BestTrial(record.trial_id, result.metrics[study.metric], record.config, result.epoch, result.metrics)


def _default(study: Study, best: TrialRecord | None) -> DefaultTrial | None:
    record = study.default
    if record is None:
        return None
    value, epoch = record.best_value(study.metric, study.mode), record.results[-1].epoch if record.results else 0.0
    best_by_then = best.best_value(study.metric, study.mode, until=epoch) if best else None
    return DefaultTrial(record.trial_id, value, record.status, epoch, best_by_then, study.space.default_name)
