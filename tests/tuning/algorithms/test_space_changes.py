"""A search space that was edited between two sessions: Optuna's study is made again from the records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import optuna
import pytest
from optuna.trial import TrialState

from search_spaces.draft import from_dict
from search_spaces.schema import Space
from tests.tuning.algorithms.sessions import Session
from tuning.algorithms.optuna_storage import open_study
from tuning.algorithms.space_changes import parameters_in
from tuning.studies.records import TrialRecord

_SEARCH: dict[str, Any] = {
    "learning_rate": {"log": [1e-5, 1e-2], "default": 1e-3},
    "optim": {"choice": ["adamw_torch", "adafactor"]},
    "num_beams": {"choice": [1, 2, 4]},
}


def space(changes: Mapping[str, Any] = {}, fixed: Mapping[str, Any] = {}, sampler: str = "tpe") -> Space:
    """The space of these tests with other ranges; None is a parameter that is no longer searched."""
    search = {name: searched for name, searched in {**_SEARCH, **changes}.items() if searched is not None}
    mapping = {"mode": "min", "metric": "loss", "budget": {"trials": 12}, "fixed": dict(fixed), "search": search}
    return from_dict({**mapping, "sampler": {"name": sampler, "startup_trials": 2}}, "test")


def trials_of(session: Session) -> list[optuna.trial.FrozenTrial]:
    """The trials in Optuna's database, which the session may have made again."""
    return open_study(session.study.paths.optuna, session.study.space).get_trials()


def edited(storage: Path, before: Space, after: Space, trials: int = 4) -> Session:
    """A session with the second space, of a study that had some trials with the first."""
    first = Session(storage, before)
    for number in range(trials):
        first.whole(str(number))
    first.study.change_space(after)
    return Session(storage, after)


_MORE = {"optim": {"choice": ["adamw_torch", "adafactor", "sgd"]}}
_LOGARITHMIC = {"num_beams": {"log_int": [1, 8], "default": 1}}


@pytest.mark.parametrize(
    ("changes", "fixed", "sampler"),
    [
        (_MORE, {}, "tpe"),
        ({"optim": {"choice": ["adamw_torch"]}}, {}, "tpe"),
        ({"optim": None}, {"optim": "adamw_torch"}, "tpe"),  # fixed from now on
        ({"optim": None}, {}, "tpe"),
        (_LOGARITHMIC, {}, "tpe"),
        ({"learning_rate": {"float": [1e-5, 1e-2], "default": 1e-3}}, {}, "tpe"),  # no longer logarithmic
        ({"learning_rate": {"log": [1e-4, 1e-3], "default": 1e-3}}, {}, "tpe"),
        ({"weight_decay": {"float": [0.0, 0.1], "default": 0.0}}, {}, "tpe"),  # a new parameter
        ({"num_beams": {"choice": [1, 2, 4], "default": 1, "when": {"optim": "adafactor"}}}, {}, "tpe"),
        (_MORE, {}, "random"),
        (_LOGARITHMIC, {}, "cmaes"),
        (_LOGARITHMIC, {}, "gp"),
    ],
)
def test_a_study_goes_on_in_an_edited_space(
    tmp_path: Path, changes: Mapping[str, Any], fixed: Mapping[str, Any], sampler: str
) -> None:
    """The sampler learns from the trials that fit, all stay on record, and new trials are of the new space."""
    after = space(changes, fixed, sampler)
    session = edited(tmp_path, space(sampler=sampler), after)
    fitting = [record for record in session.study.records.values() if parameters_in(after, record) is not None]
    passed_on = [trial for trial in trials_of(session) if trial.state is TrialState.COMPLETE]
    assert [trial.user_attrs["trial_id"] for trial in passed_on] == [record.trial_id for record in fitting]
    assert [trial.params for trial in passed_on] == [parameters_in(after, record) for record in fitting]
    assert [trial.value for trial in passed_on] == [record.best_value("loss", "min") for record in fitting]
    said = " ".join(session.lines)
    assert "the search space has changed" in said
    assert (f"{4 - len(fitting)} of 4 trials" in said) == (len(fitting) < 4)
    record = session.whole("new")
    assert parameters_in(after, record) == record.parameters
    again = Session(tmp_path, after)  # nothing is made again a second time
    assert "the search space has changed" not in " ".join(again.lines)
    assert len(again.study.ranked()) == 5


def test_an_unchanged_space_keeps_its_study(tmp_path: Path) -> None:
    """Also with conditions; the trials keep their ids in Optuna's storage."""
    conditional = space({"num_beams": {"choice": [1, 2, 4], "when": {"optim": "adafactor"}}})
    session = Session(tmp_path, conditional)
    for number in range(3):
        session.whole(str(number))
    before = [trial._trial_id for trial in trials_of(session)]
    again = Session(tmp_path, conditional)
    assert again.lines == []
    assert [trial._trial_id for trial in trials_of(again)] == before


def test_an_interrupted_trial_outside_the_space_is_finished(tmp_path: Path) -> None:
    """It stays in the ranking; Optuna does not hear of it."""
    first = Session(tmp_path, space())
    first.whole("a")
    record = first.begin("b")
    first.report("b", 1.0, 0.5)
    options = [option for option in ("adamw_torch", "adafactor") if option != record.config["optim"]]
    after = space({"optim": {"choice": options}})
    first.study.change_space(after)
    session = Session(tmp_path, after)
    assert session.whole("b").trial_id == record.trial_id
    assert record.trial_id in {ranked.trial_id for ranked in session.study.ranked()}
    assert record.trial_id not in {trial.user_attrs.get("trial_id") for trial in trials_of(session)}


def test_the_grid_of_an_edited_space_is_completed(tmp_path: Path) -> None:
    """Each of its configurations has one trial, and those outside count for nothing."""
    rates = {"learning_rate": {"choice": [1e-3, 1e-4]}}
    after = space({**rates, "num_beams": {"choice": [2, 4]}}, sampler="grid")
    session = edited(tmp_path, space(rates, sampler="grid"), after, trials=4)
    inside = [record for record in session.study.records.values() if parameters_in(after, record) is not None]
    for number in range(8 - len(inside)):
        session.whole(f"new-{number}")
    configs = [
        tuple(record.parameters.values()) for record in session.study.records.values() if record.config["num_beams"] > 1
    ]
    assert len(configs) == len(set(configs)) == 8


def test_a_parameter_that_was_fixed_is_in_its_new_range() -> None:
    """Its trials had that value; a value outside, or none, is outside the space."""
    record = TrialRecord(0, "mine-0000", {"num_beams": 1}, {"num_beams": 1, "seed": 3}, 1.0, is_default=True)
    searched = from_dict({"search": {"num_beams": {"int": [1, 4]}, "seed": {"int": [1, 4]}}}, "test")
    assert parameters_in(searched, record) == {"num_beams": 1, "seed": 3}
    assert parameters_in(searched, msgspec.structs.replace(record, config={"num_beams": 1})) is None
    assert parameters_in(searched, msgspec.structs.replace(record, config={"num_beams": 1, "seed": 9})) is None
