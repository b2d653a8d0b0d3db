"""Optuna's samplers by name, and the ranges of a search space as its distributions."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from search_spaces.choices import SamplerName
from search_spaces.ranges import Choice, FloatRange, IntRange, Range, holds
from search_spaces.schema import Space
from search_spaces.values import Scalar

#: Sampler name -> a function of the seed and the number of random trials before the sampler learns.
SAMPLERS: dict[SamplerName, Callable[[int, int], BaseSampler]] = {
    # Samples parameters jointly (Falkner et al. 2018), in groups, so that it also does with conditional parameters.
    # Running trials count as bad ones (constant liar), so that parallel slots do not get the same point.
    SamplerName.TPE: lambda seed, startup: TPESampler(
        seed=seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
    ),
    SamplerName.RANDOM: lambda seed, startup: RandomSampler(seed=seed),
    # A pruned trial counts with the value of its last rung. Without it, a search under ASHA is random: few trials of a
    # population complete. Values of a rung are worse than final ones, and so are pruned trials.
    SamplerName.CMAES: lambda seed, startup: CmaEsSampler(
        seed=seed, n_startup_trials=startup, warn_independent_sampling=False, consider_pruned_trials=True
    ),
    SamplerName.GP: lambda seed, startup: GPSampler(
        seed=seed, n_startup_trials=startup, warn_independent_sampling=False
    ),
    # The next configuration of the list comes from `OptunaMirror`; the sampler has nothing left to choose.
    SamplerName.GRID: lambda seed, startup: RandomSampler(seed=seed),
}


def derived_seed(seed: int, *parts: str | int) -> int:
    """Returns a seed of 31 bits for one purpose, derived from the study's seed.

    An enum counts as its text, so that studies of versions without the enum continue with the same suggestions.
    """
    plain = tuple(str(part) if isinstance(part, str) else part for part in parts)
    return int.from_bytes(hashlib.sha256(repr((seed, *plain)).encode()).digest()[:4], "big") >> 1


def ask(study: optuna.Study, space: Space, number: int) -> optuna.Trial:
    """Asks Optuna for a trial, kotune's trial `number`.

    A new sampler is made from the study's seed and that number, so that an interrupted study continues with the same
    suggestions; also after a crash between asking Optuna and writing the record, which leaves a failed trial in Optuna
    that samplers ignore.
    """
    name = space.sampler.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = SAMPLERS[name](derived_seed(space.seed, name, number), space.sampler.startup_trials)
    return study.ask()


def suggest(trial: optuna.Trial, search: Mapping[str, Range]) -> dict[str, Scalar]:
    """Returns a value for each parameter whose condition holds, or that has none."""
    values: dict[str, Scalar] = {}
    for name, spec in search.items():
        if holds(spec.when, values):
            values[name] = _suggest(trial, name, spec)
    return values


def _suggest(trial: optuna.Trial, name: str, spec: Range) -> Any:
    if isinstance(spec, FloatRange):
        return trial.suggest_float(name, spec.low, spec.high, log=spec.log)
    if isinstance(spec, IntRange):
        return trial.suggest_int(name, spec.low, spec.high, step=1 if spec.log else spec.step, log=spec.log)
    assert isinstance(spec, Choice)
    return trial.suggest_categorical(name, list(spec.options))


def defaults(search: Mapping[str, Range], pinned: Mapping[str, Any] | None = None) -> dict[str, Scalar]:
    """Returns the recipe default: the default of every range whose condition holds.

    Args:
        pinned: values that replace defaults.
    """
    values: dict[str, Scalar] = {}
    for name, spec in search.items():
        if holds(spec.when, values):
            values[name] = (pinned or {}).get(name, spec.default)
    return values


def distribution(spec: Range) -> BaseDistribution:
    """Returns a range as an Optuna distribution."""
    if isinstance(spec, FloatRange):
        return FloatDistribution(spec.low, spec.high, log=spec.log)
    if isinstance(spec, IntRange):
        return IntDistribution(spec.low, spec.high, step=1 if spec.log else spec.step, log=spec.log)
    assert isinstance(spec, Choice)
    return CategoricalDistribution(list(spec.options))
