"""What a user must know about the result of a study before trusting it."""

from __future__ import annotations

import statistics

from foundation.formatting import short_number
from foundation.statuses import TrialStatus
from search_spaces.schema import Space
from trainables.tasks.metric import DISTINCT
from tuning.algorithms.untried import possible_trials
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study


def notes(study: Study) -> list[str]:
    """Returns one sentence for each thing that the scores alone do not show."""
    return [*default_remarks(study.space), *_exhausted(study), *_repeats(study)]


def default_remarks(space: Space) -> list[str]:
    """Says which values of trial 0 are not those of a recipe."""
    if not space.unset_defaults:
        return []
    names = ", ".join(space.unset_defaults)
    values = ", ".join(f"{name} = {short_number(space.search[name].default)}" for name in space.unset_defaults)
    return [
        f"trial 0 is not the recipe default: the space has no value of its own inside the range of {names}; it starts"
        f" at the middle, or the first option: {values}"
    ]


def warnings(study: Study, dev: list[str]) -> list[str]:
    """Returns one sentence for each reason why the best trial may be no better than any other.

    Args:
        dev: What is wrong with the dev split.
    """
    return [*dev, *_no_signal(study), *([] if dev else _equal_outputs(study))]


def _equal_outputs(study: Study) -> list[str]:
    best = next(iter(study.ranked()), None)
    if best is None:
        return []
    epoch = best.best_epoch(study.metric, study.mode)
    metrics = next(result.metrics for result in best.results if result.epoch == epoch)
    if metrics.get(DISTINCT) != 1:
        return []
    return ["all outputs of the best trial on dev are alike: its model ignores the input"]


def _no_signal(study: Study) -> list[str]:
    values = [result.metrics[study.metric] for record in study.records.values() for result in record.results]
    if len(values) < 2 or len(set(values)) > 1:
        return []
    problem = f"{study.metric} was {values[0]:.4f} in all {len(values)} evaluations: it never moved"
    losses = [loss for record in study.records.values() for loss in record.losses.values()]
    chosen = "; the model is the one with the lowest loss on dev" if losses else ""
    return [f"{problem}, so that no trial is better than another{chosen}"]


def _exhausted(study: Study) -> list[str]:
    begun = len(study.records)
    if not study.space.search or possible_trials(study.space, study.records.values()) != begun:
        return []
    return [f"every configuration of the space has been tried: {begun} trials"]


def _repeats(study: Study) -> list[str]:
    """The spread of the best configuration over its seeds."""
    best = next(iter(study.ranked()), None)
    if best is None or study.space.sampler.repeats == 1:
        return []
    values = [
        value
        for record in _completed_like(study, best)
        if (value := record.best_value(study.metric, study.mode)) is not None
    ]
    if len(values) < 2:
        return []
    spread = f"mean {statistics.fmean(values):.4f}, standard deviation {statistics.stdev(values):.4f}"
    return [f"the best configuration with {len(values)} seeds: {study.metric} {spread}"]


def _completed_like(study: Study, best: TrialRecord) -> list[TrialRecord]:
    return [record for record in study.with_status(TrialStatus.COMPLETED) if record.config == best.config]
