"""Optuna's samplers: ranges, seeds, and repeatable suggestions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search_spaces.choices import SamplerName
from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tuning.algorithms.optuna_storage import open_study
from tuning.algorithms.samplers import SAMPLERS, ask, defaults, derived_seed, distribution, suggest

SEARCH = {
    "learning_rate": {"log": [1e-5, 1e-2]},
    "num_beams": {"int": [1, 7], "step": 2},
    "optim": {"choice": ["adamw_torch", "adafactor"]},
    "adam_beta1": {"float": [0.8, 0.95], "when": {"optim": "adamw_torch"}},
}
#: The same with lists of numbers, as a grid needs them.
LISTED = SEARCH | {
    "learning_rate": {"choice": [1e-5, 1e-4, 1e-3, 1e-2]},
    "adam_beta1": {"choice": [0.8, 0.9], "when": {"optim": "adamw_torch"}},
}


def space(sampler: str = "tpe", seed: int = 0) -> Space:
    """A space with every kind of range."""
    search = LISTED if sampler == "grid" else SEARCH
    content = {"mode": "max", "seed": seed, "search": search, "sampler": {"name": sampler, "startup_trials": 3}}
    return from_dict(content, "test")


def run_trials(study: optuna.Study, where: Space, trials: int) -> list[dict[str, Any]]:
    """Runs trials whose value is their learning rate; returns their suggestions."""
    suggestions: list[dict[str, Any]] = []
    for _ in range(trials):
        trial = ask(study, where, len(study.get_trials()))
        values = suggest(trial, where.search)
        study.tell(trial, values["learning_rate"])
        suggestions.append(values)
    return suggestions


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_keeps_to_the_ranges(name: str, tmp_path: Path) -> None:
    """Bounds, steps, options and conditions hold for every suggestion."""
    where = space(name)
    for chosen in run_trials(open_study(tmp_path / "optuna.db", where), where, 6):
        assert 1e-5 <= chosen["learning_rate"] <= 1e-2
        assert chosen["num_beams"] in (1, 3, 5, 7)
        assert chosen["optim"] in ("adamw_torch", "adafactor")
        assert ("adam_beta1" in chosen) == (chosen["optim"] == "adamw_torch")


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_interrupted_study_continues_with_the_same_suggestions(name: str, tmp_path: Path) -> None:
    """Six trials in one session, or three in each of two: the same suggestions."""
    where = space(name)
    uninterrupted = run_trials(open_study(tmp_path / "uninterrupted.db", where), where, 6)
    before = run_trials(open_study(tmp_path / "cut.db", where), where, 3)
    after = run_trials(open_study(tmp_path / "cut.db", where), where, 3)
    assert before + after == uninterrupted


def test_tpe_avoids_what_running_trials_try(tmp_path: Path) -> None:
    """Running trials count as bad ones (constant liar); otherwise they would change nothing."""
    where = space("tpe")

    def next_of(name: str, running: int) -> dict[str, Any]:
        study = open_study(tmp_path / f"{name}.db", where)
        run_trials(study, where, 6)
        for number in range(running):
            suggest(ask(study, where, 100 + number), where.search)
        return suggest(ask(study, where, 6), where.search)

    idle = next_of("idle", 0)
    assert next_of("as idle", 0) == idle
    assert next_of("busy", 4) != idle


def test_the_seed_changes_the_suggestions(tmp_path: Path) -> None:
    """Another seed gives other suggestions, and no two random trials are equal."""
    first = run_trials(open_study(tmp_path / "0.db", space(seed=0)), space(seed=0), 3)
    second = run_trials(open_study(tmp_path / "1.db", space(seed=1)), space(seed=1), 3)
    assert first != second
    assert len({chosen["learning_rate"] for chosen in first}) == 3


def test_each_purpose_has_its_own_seed() -> None:
    """The split's seed is not the sampler's, and both follow the study's."""
    assert derived_seed(1, "split") != derived_seed(1, "weights")
    assert derived_seed(1, "split") != derived_seed(2, "split")
    assert 0 <= derived_seed(1, "split") < 2**31


def test_seeds_are_the_same_in_every_version() -> None:
    """A study that an earlier version began continues with the same suggestions."""
    assert (derived_seed(1, "split"), derived_seed(0, "tpe", 3)) == (103283498, 1494993733)
    assert derived_seed(0, SamplerName.TPE, 3) == 1494993733


@pytest.mark.parametrize(
    ("sampler", "rate", "beams"),
    [
        ("tpe", 2.0675956747119427e-05, 6),
        ("random", 2.008440751039818e-05, 6),
        ("cmaes", 2.4610764175671194e-05, 4),
        ("gp", 0.0003354988819315532, 6),
    ],
)
def test_a_sampler_suggests_what_earlier_versions_suggested(sampler: str, rate: float, beams: int) -> None:
    """Trial 7 of seed 42, as commit 6d67dca suggested it: a study that it began continues in the same way."""
    search = {"learning_rate": {"log": [1e-5, 1e-3], "default": 1e-4}, "num_beams": {"int": [1, 8], "default": 4}}
    where = from_dict({"seed": 42, "sampler": {"name": sampler}, "search": search}, "test")
    suggestion = suggest(ask(optuna.create_study(), where, 7), where.search)
    assert suggestion == {"learning_rate": pytest.approx(rate, rel=1e-12), "num_beams": beams}


def test_ranges_are_optuna_s_distributions() -> None:
    """Logarithmic integers have a step of 1; other integers have their own."""
    content = {"log_int": [1, 64]}
    search = {**SEARCH, "per_device_train_batch_size": content, "weight_decay": {"float": [0, 0.3]}}
    ranges = from_dict({"mode": "max", "search": search}, "test").search
    assert {name: distribution(spec) for name, spec in ranges.items()} == {
        "learning_rate": FloatDistribution(1e-5, 1e-2, log=True),
        "num_beams": IntDistribution(1, 7, step=2),
        "optim": CategoricalDistribution(["adamw_torch", "adafactor"]),
        "adam_beta1": FloatDistribution(0.8, 0.95),
        "per_device_train_batch_size": IntDistribution(1, 64, log=True),
        "weight_decay": FloatDistribution(0, 0.3),
    }
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trial = study.ask()
    values = suggest(trial, ranges)
    assert {name: trial.distributions[name] for name in values} == {name: distribution(ranges[name]) for name in values}


def test_pinned_values_replace_defaults() -> None:
    """Conditions follow the pinned values; other defaults stay."""
    chosen = defaults(space().search, {"optim": "adafactor", "num_beams": 3})
    assert (chosen["optim"], chosen["num_beams"]) == ("adafactor", 3)
    assert "adam_beta1" not in chosen
    assert chosen["learning_rate"] == defaults(space().search)["learning_rate"]


def test_defaults_follow_conditions() -> None:
    """The recipe default holds a conditional parameter only where its condition does."""
    chosen = defaults(space().search)
    assert chosen["optim"] == "adamw_torch"
    assert "adam_beta1" in chosen


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_samplers_learn_from_pruned_trials(name: str) -> None:
    """Under ASHA few trials complete: here all but the first are pruned, and the last come near the best, 0.2."""
    rates = {"weight_decay": {"float": [0.0, 1.0]}, "label_smoothing_factor": {"float": [0.0, 1.0]}}
    where = from_dict({"mode": "min", "search": rates, "sampler": {"name": name, "startup_trials": 5}}, "test")
    study = optuna.create_study(direction="minimize")
    distances: list[float] = []
    for number in range(80):
        trial = ask(study, where, number)
        suggest(trial, where.search)
        distances.append(sum(abs(value - 0.2) for value in trial.params.values()))
        trial.report(distances[-1], step=1)
        study.tell(trial, *([distances[-1]] if number == 0 else []), state=None if number == 0 else TrialState.PRUNED)
    assert sum(distances[-20:]) < 0.6 * sum(distances[:20])
