"""The keys of a search space: defaults, types, the round trip, and conditions."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from typing import Any

import pytest
import yaml

from foundation.errors import UserError, UserErrors
from search_spaces.draft import from_dict
from search_spaces.ranges import Choice, FloatRange, IntRange
from search_spaces.schema import READERS, SECTIONS, Budget, Columns, Space

FULL: dict[str, Any] = {
    "name": "mine",
    "special_tokens": ["#Person1#"],
    "columns": {"id": None, "source": "dialogue"},
    "eval_every": 0.5,
    "fixed": {"num_train_epochs": 3, "model.dropout": 0.1, "suppress_tokens": [1, 2], "resume": None},
    "search": {
        "no_repeat_ngram_size": {"int": [0, 4], "when": {"num_beams": [2, 4], "optim": "adafactor"}},
        "num_beams": {"int": [2, 8], "step": 2, "when": {"optim": "adafactor"}},
        "learning_rate": {"log": [1e-5, 1e-3]},
        "optim": {"choice": ["adamw_torch", "adafactor"]},
    },
    "budget": {"time": "1h30m", "trials": 7},
    "wandb": {"tags": ["a", "b"]},
    "data": {"train": "train.csv"},
}


def problems(mapping: dict[str, Any]) -> list[str]:
    """What is wrong with a search space, one line each."""
    with pytest.raises(UserError) as caught:
        from_dict(mapping, "my.yaml")
    found = caught.value
    return [problem.problem for problem in (found.problems if isinstance(found, UserErrors) else [found])]


def test_nothing_given_gives_the_defaults() -> None:
    """Every key has a default, and the defaults pass their own checks."""
    assert from_dict({}, "my.yaml") == Space()
    assert from_dict(Space().to_dict(), "my.yaml") == Space()


def test_the_round_trip_gives_an_equal_space() -> None:
    """Through plain values and through YAML text, with conditions, tuples, null and nested lists."""
    space = from_dict(FULL, "my.yaml")
    assert from_dict(space.to_dict(), "again") == space
    assert from_dict(yaml.safe_load(yaml.safe_dump(space.to_dict())), "again") == space
    assert space != from_dict({**FULL, "seed": 1}, "my.yaml")


def test_values_are_read_to_their_types() -> None:
    """Seconds from text, tuples from lists, and defaults where nothing is given."""
    space = from_dict(FULL, "my.yaml")
    assert space.budget == Budget(trials=7, time=5400.0, max_failures=3)
    assert from_dict({"seed": 2**32 - 1}, "my.yaml").seed == 2**32 - 1
    assert space.wandb.tags == ("a", "b")
    assert space.columns == Columns(id=None, source="dialogue", target="target")
    assert space.search["learning_rate"] == FloatRange(1e-5, 1e-3, log=True, default=1e-4)


def test_a_checked_space_cannot_be_changed() -> None:
    """What was checked stays what it was; `dataclasses.replace` makes another."""
    fields = [(Space(), "seed"), (FloatRange(0, 1), "low"), (IntRange(0, 1), "low"), (Choice((1,)), "options")]
    for made, name in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(made, name, 1)


def test_every_field_has_a_reader_or_is_a_section() -> None:
    """No key can be forgotten by the checks."""
    known = {key for key in READERS if "." not in key} | set(SECTIONS) | {"fixed", "search"}
    assert known == {item.name for item in dataclasses.fields(Space)}


def test_every_example_in_a_message_can_be_written() -> None:
    """Each reader reads its own example."""
    for key, reader in READERS.items():
        reader.read(yaml.safe_load(reader.example))
        assert reader.allowed, key


@pytest.mark.parametrize(
    ("mapping", "wrong"),
    [
        ({"budget": {"trials": "many"}}, "budget.trials is 'many'"),
        ({"budget": {"trials": 0}}, "budget.trials is 0"),
        ({"budget": {"trials": True}}, "budget.trials is True"),
        ({"budget": {"time": "4 hours"}}, "budget.time is '4 hours'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, f"seed is {2**32}"),
        ({"eval_every": 0}, "eval_every is 0"),
        ({"max_source_length": 1.5}, "max_source_length is 1.5"),
        ({"slots": {"gpus_per_worker": -1}}, "slots.gpus_per_worker is -1"),
        ({"scheduler": {"reduction_factor": 1}}, "scheduler.reduction_factor is 1"),
        ({"scheduler": {"grace": float("nan")}}, "scheduler.grace is nan"),
        ({"scheduler": {"name": "hyperband"}}, "scheduler.name is 'hyperband'"),
        ({"scheduler": "asha"}, "scheduler is 'asha'"),
        ({"model": 3}, "model is 3"),
        ({"model": None}, "model is None"),
        ({"special_tokens": [1]}, "special_tokens is [1]"),
        ({"mode": "maximum"}, "mode is 'maximum'"),
        ({"data": {"embedded": "yes"}}, "data.embedded is 'yes'"),
        ({"fixed": {"weight_decay": float("inf")}}, "fixed.weight_decay is inf"),
        ({"fixed": [1]}, "fixed is [1]"),
        ({"metrik": "rouge_sum"}, "unknown key 'metrik'"),
        ({"budget": {"trails": 3}}, "unknown key 'budget.trails'"),
        ({1: 2}, "unknown key '1'"),
    ],
)
def test_a_wrong_value_names_file_and_key(mapping: dict[str, Any], wrong: str) -> None:
    """Types, limits and unknown keys, each with its place."""
    assert problems(mapping) == [f"my.yaml: {wrong}"]


def test_an_unknown_key_is_answered_with_the_known_and_the_nearest() -> None:
    """The message says what could have been meant."""
    with pytest.raises(UserError) as caught:
        from_dict({"budget": {"trails": 3}}, "my.yaml")
    assert caught.value.allowed == "budget.trials, budget.time, budget.max_failures"
    assert caught.value.todo == "did you mean 'budget.trials'?"


def test_all_problems_are_told_at_once() -> None:
    """Nobody mends a file one run at a time."""
    found = problems({"seed": "x", "budget": {"trials": -1}, "search": {"a": {"int": [2, 1]}}, "oops": 1})
    assert len(found) == 4


def test_a_section_of_comments_is_an_empty_section() -> None:
    """YAML reads a key whose lines are all comments as null."""
    assert from_dict({"fixed": None, "budget": None}, "my.yaml") == Space()


def test_fixed_and_searched_is_a_contradiction() -> None:
    """Within one file a parameter is one or the other."""
    found = problems({"fixed": {"num_beams": 4}, "search": {"num_beams": {"int": [1, 8]}}})
    assert found == ["my.yaml: num_beams stands in search.num_beams and in fixed.num_beams"]


def test_a_parameter_stands_after_those_it_depends_on() -> None:
    """Who suggests in this order knows the condition's values."""
    assert list(from_dict(FULL, "my.yaml").search) == ["learning_rate", "optim", "num_beams", "no_repeat_ngram_size"]


@pytest.mark.parametrize(
    ("when", "wrong"),
    [
        ({"optm": "adafactor"}, "my.yaml: search.x.when: 'optm' is not searched"),
        ({"optim": "adafactr"}, "my.yaml: search.x.when: optim is never 'adafactr'"),
        ({"num_beams": [2, 9]}, "my.yaml: search.x.when: num_beams is never 9"),
        ({"x": 1}, "my.yaml: the conditions of x form a circle"),
    ],
)
def test_a_condition_must_be_able_to_hold(when: dict[str, Any], wrong: str) -> None:
    """It names a searched parameter and values that this can have."""
    search = {
        "optim": {"choice": ["adamw_torch", "adafactor"]},
        "num_beams": {"int": [1, 8]},
        "x": {"int": [0, 4], "when": when},
    }
    assert problems({"search": search}) == [wrong]


def test_conditions_in_a_circle_are_refused() -> None:
    """Each would wait for the other."""
    search = {"a": {"int": [0, 4], "when": {"b": 1}}, "b": {"int": [0, 4], "when": {"a": 1}}, "c": {"int": [0, 1]}}
    assert problems({"search": search}) == ["my.yaml: the conditions of a, b form a circle"]


def test_a_broken_range_is_not_reported_again_by_its_dependants() -> None:
    """One mistake, one message."""
    search = {"a": {"int": [4, 0]}, "b": {"int": [0, 4], "when": {"a": 1}}}
    assert problems({"search": search}) == ["my.yaml: search.a: the range is upside down: 4 > 0"]


def test_a_grace_longer_than_the_training_is_refused() -> None:
    """ASHA could stop nothing, and Ray would say so only once the search has begun."""
    assert problems({"scheduler": {"grace": 3}, "fixed": {"num_train_epochs": 2}}) == [
        "my.yaml: num_train_epochs is 2, but scheduler.grace is 3 epochs (my.yaml)"
    ]
    assert len(problems({"scheduler": {"grace": 3, "max": 2}})) == 1
    space = from_dict({"fixed": {"num_train_epochs": -1}}, "x")  # where values are checked the value itself is told of
    assert space.fixed == {"num_train_epochs": -1}
    quiet = from_dict({"scheduler": {"grace": 3, "name": "none"}, "fixed": {"num_train_epochs": 2}}, "x")
    assert quiet.scheduler.name == "none"


def test_own_data_beside_the_embedded_is_refused() -> None:
    """Nobody could say which was learned from."""
    assert len(problems({"data": {"embedded": True, "train": "a.csv", "dev": "b.csv"}})) == 1


def test_ranges_and_spaces_are_built_without_yaml() -> None:
    """Code may build a space from parts; what it writes is read back."""
    space = Space(search={"a": IntRange(1, 3), "b": Choice((1, 2), when={"a": (1, 2)})}, special_tokens=("x",))
    assert from_dict(space.to_dict(), "built") == space


def test_the_package_needs_yaml_and_nothing_heavy() -> None:
    """A leaf: `--help` must not wait for it."""
    # -S keeps out what site-packages load on their own; the path is handed over instead
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import yaml; before = set(sys.modules); "
        "import search_spaces.resolve; new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*new - sys.stdlib_module_names)"
    )
    found = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert {*found.stdout.split()} == {"search_spaces", "foundation"}
