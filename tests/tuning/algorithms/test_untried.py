"""Every trial has a configuration of its own, and a finite space ends the search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search_spaces.choices import SamplerName
from search_spaces.draft import from_dict
from search_spaces.ranges import MAX_LISTED, configurations
from search_spaces.schema import Space
from tests.tuning.algorithms.sessions import SPACE, Session
from tuning.algorithms.samplers import SAMPLERS
from tuning.algorithms.untried import Untried, possible_trials
from tuning.studies.records import TrialRecord

#: Six configurations: three beam sizes with Adafactor, and with AdamW a fourth parameter in their place.
SIX: dict[str, Any] = {
    "optim": {"choice": ["adafactor", "adamw_torch"]},
    "num_beams": {"int": [1, 5], "step": 2, "when": {"optim": "adafactor"}},
    "group_by_length": {"choice": [True, False, None], "when": {"optim": "adamw_torch"}},
}


def space(search: dict[str, Any], trials: int = 20, **sampler: Any) -> Space:
    """The space of the sessions with another search."""
    content = SPACE.to_dict() | {"search": search, "budget": {"trials": trials}}
    return from_dict({**content, "sampler": {"startup_trials": 2, **sampler}}, "test")


def until_finished(storage: Path, where: Space, each_in_its_own_session: bool = False) -> list[TrialRecord]:
    """Runs trials until the searcher has none left; their loss is their number."""
    session = Session(storage, where)
    for name in map(str, range(where.budget.trials + 1)):
        if each_in_its_own_session:
            session = Session(storage, where)
        if session.searcher.suggest(name) == "FINISHED":
            break
        session.searcher.on_trial_complete(name, {"done": True})
    assert session.searcher.is_exhausted() == (len(session.study.records) < where.budget.trials)
    return list(session.study.records.values())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_finite_space_ends_when_each_configuration_had_its_trial(tmp_path: Path, sampler: str) -> None:
    """Four configurations and a budget of twenty trials: four trials, all different."""
    search = {"num_beams": {"int": [1, 2]}, "optim": {"choice": ["adafactor", "adamw_torch"]}}
    records = until_finished(tmp_path, space(search, name=sampler))
    assert len(records) == len({str(record.parameters) for record in records}) == 4


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_resumed_search_proposes_the_same(tmp_path: Path, sampler: str) -> None:
    """Also where the sampler repeats a configuration and another one takes its place."""
    where = space(SIX, name=sampler)
    together = [record.parameters for record in until_finished(tmp_path / "together", where)]
    apart = until_finished(tmp_path / "apart", where, each_in_its_own_session=True)
    assert [record.parameters for record in apart] == together
    assert len(together) == 6


def test_the_grid_has_the_whole_list(tmp_path: Path) -> None:
    """The recipe default first; a budget smaller than the list sees both optimizers."""
    records = until_finished(tmp_path, space(SIX, trials=3, name="grid"))
    assert records[0].parameters == {"optim": "adafactor", "num_beams": 3}
    assert {record.parameters["optim"] for record in records} == {"adafactor", "adamw_torch"}


def test_a_branch_without_parameters_is_trained_once(tmp_path: Path) -> None:
    """The space has no end, but with Adafactor it has one configuration."""
    search = {
        "optim": {"choice": ["adafactor", "adamw_torch"]},
        "weight_decay": {"float": [0.0, 0.3], "when": {"optim": "adamw_torch"}},
    }
    records = until_finished(tmp_path, space(search, trials=12))
    assert len({str(record.parameters) for record in records}) == 12


def test_each_configuration_is_repeated_as_asked(tmp_path: Path) -> None:
    """`sampler.repeats: 3`: three trials in a row have one configuration."""
    search = {"num_beams": {"int": [1, 2], "default": 2}}
    records = until_finished(tmp_path, space(search, repeats=3), each_in_its_own_session=True)
    assert [record.parameters["num_beams"] for record in records] == [2, 2, 2, 1, 1, 1]


def test_the_nearest_untried_configuration_takes_the_place_of_a_tried_one() -> None:
    """Of batch sizes 8 to 64 and two optimizers: the next batch size, not the other optimizer."""
    where = space({"per_device_train_batch_size": {"log_int": [8, 64]}, "optim": {"choice": ["adafactor", "sgd"]}})
    at = {"per_device_train_batch_size": 16, "optim": "sgd"}
    tried = [TrialRecord(0, "x-0000", at, {**where.fixed, **at, "per_device_train_batch_size": 16.0}, 1.0)]
    assert Untried(where).is_tried(at, tried)
    assert Untried(where).nearest(at, tried, seed=0) == {"per_device_train_batch_size": 17, "optim": "sgd"}
    assert Untried(where).count(tried) == 57 * 2 - 1


def test_long_and_endless_lists_are_not_listed() -> None:
    """A search never comes to their end."""
    assert configurations(space({"weight_decay": {"float": [0.0, 0.3]}}).search) is None
    assert configurations(space({"max_new_tokens": {"int": [1, MAX_LISTED + 1]}}).search) is None
    assert len(configurations(space({"max_new_tokens": {"int": [1, MAX_LISTED]}}).search) or ()) == MAX_LISTED


def test_trials_that_are_possible_include_those_of_earlier_versions() -> None:
    """Which repeated configurations; two of six are tried, four are left."""
    where, half = space(SIX), {"optim": "adafactor", "num_beams": 1}
    begun = [TrialRecord(number, f"x-{number:04d}", half, {**where.fixed, **half}, 1.0) for number in range(3)]
    assert possible_trials(where) == 6
    assert possible_trials(where, begun) == 3 + 5
    assert possible_trials(space(SIX, repeats=2), begun[:1]) == 12
    assert possible_trials(SPACE) is None


def test_every_sampler_has_its_name() -> None:
    """One list: the enum's."""
    assert set(SAMPLERS) == set(SamplerName)
