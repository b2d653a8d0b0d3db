"""Optuna's samplers by name, with seeds that mean something, and ranges as distributions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tuning.algorithms.optuna_storage import open_study
from tuning.algorithms.samplers import SAMPLERS, ask, defaults, derived_seed, suggest

SEARCH = {
    "learning_rate": {"log": [1e-5, 1e-2]},
    "num_beams": {"int": [1, 7], "step": 2},
    "optim": {"choice": ["adamw_torch", "adafactor"]},
    "adam_beta1": {"float": [0.8, 0.95], "when": {"optim": "adamw_torch"}},
}


def space(sampler: str = "tpe", seed: int = 0) -> Space:
    """A space with every kind of range."""
    content = {"mode": "max", "seed": seed, "search": SEARCH, "sampler": {"name": sampler, "startup_trials": 3}}
    return from_dict(content, "test")


def played(study: optuna.Study, where: Space, trials: int) -> list[dict[str, Any]]:
    """Ask and tell; a trial's value is its learning rate."""
    asked = []
    for _ in range(trials):
        trial = ask(study, where, len(study.get_trials()))
        chosen = suggest(trial, where.search)
        study.tell(trial, chosen["learning_rate"])
        asked.append(chosen)
    return asked


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_keeps_to_the_ranges(name: str, tmp_path: Path) -> None:
    """Bounds, steps, options and conditions hold for every suggestion."""
    where = space(name)
    for chosen in played(open_study(tmp_path / "optuna.db", where), where, 6):
        assert 1e-5 <= chosen["learning_rate"] <= 1e-2
        assert chosen["num_beams"] in (1, 3, 5, 7)
        assert chosen["optim"] in ("adamw_torch", "adafactor")
        assert ("adam_beta1" in chosen) == (chosen["optim"] == "adamw_torch")


@pytest.mark.parametrize("name", SAMPLERS)
def test_an_interrupted_study_asks_what_it_would_have_asked(name: str, tmp_path: Path) -> None:
    """Six trials in one go, or three, a new process's worth of objects, and three: the same suggestions."""
    where = space(name)
    straight = played(open_study(tmp_path / "straight.db", where), where, 6)
    before = played(open_study(tmp_path / "cut.db", where), where, 3)
    after = played(open_study(tmp_path / "cut.db", where), where, 3)
    assert before + after == straight


def test_tpe_avoids_what_running_trials_try(tmp_path: Path) -> None:
    """Running trials count as bad ones (constant liar); otherwise they would change nothing."""
    where = space("tpe")

    def next_of(name: str, running: int) -> dict[str, Any]:
        study = open_study(tmp_path / f"{name}.db", where)
        played(study, where, 6)
        for number in range(running):
            suggest(ask(study, where, 100 + number), where.search)
        return suggest(ask(study, where, 6), where.search)

    idle = next_of("idle", 0)
    assert next_of("as idle", 0) == idle
    assert next_of("busy", 4) != idle


def test_the_seed_does_something(tmp_path: Path) -> None:
    """Another seed, other suggestions; no two random trials alike."""
    first = played(open_study(tmp_path / "0.db", space(seed=0)), space(seed=0), 3)
    second = played(open_study(tmp_path / "1.db", space(seed=1)), space(seed=1), 3)
    assert first != second
    assert len({chosen["learning_rate"] for chosen in first}) == 3


def test_purposes_have_seeds_of_their_own() -> None:
    """The split's seed is not the sampler's, and both follow the study's."""
    assert derived_seed(1, "split") != derived_seed(1, "weights")
    assert derived_seed(1, "split") != derived_seed(2, "split")
    assert 0 <= derived_seed(1, "split") < 2**31


def test_defaults_follow_conditions() -> None:
    """The recipe default holds a conditional parameter only where its condition does."""
    chosen = defaults(space().search)
    assert chosen["optim"] == "adamw_torch"
    assert "adam_beta1" in chosen
