"""Optuna: its samplers by name, and a space's ranges as its distributions."""

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

#: Sampler name -> what makes it from a seed and the number of random trials before it learns.
SAMPLERS: dict[SamplerName, Callable[[int, int], BaseSampler]] = {
    # Joint over parameters (Falkner et al. 2018), in groups so that conditional parameters keep it joint; running
    # trials count as bad ones (constant liar), so that parallel slots do not ask for the same point.
    SamplerName.TPE: lambda seed, startup: TPESampler(
        seed=seed, n_startup_trials=startup, multivariate=True, group=True, constant_liar=True
    ),
    SamplerName.RANDOM: lambda seed, startup: RandomSampler(seed=seed),
    SamplerName.CMAES: lambda seed, startup: CmaEsSampler(
        seed=seed, n_startup_trials=startup, warn_independent_sampling=False
    ),
    SamplerName.GP: lambda seed, startup: GPSampler(
        seed=seed, n_startup_trials=startup, warn_independent_sampling=False
    ),
}


def derived_seed(seed: int, *parts: object) -> int:
    """A seed for one purpose, from the study's seed; 31 bits."""
    return int.from_bytes(hashlib.sha256(repr((seed, *parts)).encode()).digest()[:4], "big") >> 1


def ask(study: optuna.Study, space: Space, number: int) -> optuna.Trial:
    """The next trial, which is kotune's trial `number`.

    The sampler is made anew from the study's seed and that number, so that a study that was interrupted goes on with
    the suggestions that it would have made: also after a crash between asking Optuna and keeping what it said, which
    leaves a trial to Optuna that failed and that no sampler looks at.
    """
    name = space.sampler.name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = SAMPLERS[name](derived_seed(space.seed, name, number), space.sampler.startup_trials)
    return study.ask()


def suggest(trial: optuna.Trial, search: Mapping[str, Range]) -> dict[str, Any]:
    """Values of all parameters that exist: one with a condition only where the condition holds."""
    chosen: dict[str, Any] = {}
    for name, found in search.items():
        if holds(found.when, chosen):
            chosen[name] = _suggest(trial, name, found)
    return chosen


def _suggest(trial: optuna.Trial, name: str, found: Range) -> Any:
    if isinstance(found, FloatRange):
        return trial.suggest_float(name, found.low, found.high, log=found.log)
    if isinstance(found, IntRange):
        return trial.suggest_int(name, found.low, found.high, step=1 if found.log else found.step, log=found.log)
    assert isinstance(found, Choice)
    return trial.suggest_categorical(name, list(found.options))


def defaults(search: Mapping[str, Range], pinned: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The recipe default: every range's own default, where its condition holds.

    Args:
        pinned: values that take the place of defaults.
    """
    chosen: dict[str, Any] = {}
    for name, found in search.items():
        if holds(found.when, chosen):
            chosen[name] = (pinned or {}).get(name, found.default)
    return chosen


def distribution(found: Range) -> BaseDistribution:
    """What Optuna draws a parameter from."""
    if isinstance(found, FloatRange):
        return FloatDistribution(found.low, found.high, log=found.log)
    if isinstance(found, IntRange):
        return IntDistribution(found.low, found.high, step=1 if found.log else found.step, log=found.log)
    assert isinstance(found, Choice)
    return CategoricalDistribution(list(found.options))
