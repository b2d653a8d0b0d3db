"""The keys of a search space: defaults, types, saving and reading, conditions."""

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
    """The problems of a search space, one line each."""
    with pytest.raises(UserError) as caught:
        from_dict(mapping, "my.yaml")
    error = caught.value
    return [problem.problem for problem in (error.problems if isinstance(error, UserErrors) else [error])]


def test_an_empty_mapping_gives_the_defaults() -> None:
    """Every key has a default, and the defaults are valid."""
    assert from_dict({}, "my.yaml") == Space()
    assert from_dict(Space().to_dict(), "my.yaml") == Space()


def test_a_saved_space_is_read_back_equal() -> None:
    """As plain values and as YAML text, with conditions, tuples, null and nested lists."""
    space = from_dict(FULL, "my.yaml")
    assert from_dict(space.to_dict(), "again") == space
    assert from_dict(yaml.safe_load(yaml.safe_dump(space.to_dict())), "again") == space
    assert space != from_dict({**FULL, "seed": 1}, "my.yaml")


def test_values_have_their_types() -> None:
    """Seconds from texts, tuples from lists, and defaults for missing keys."""
    space = from_dict(FULL, "my.yaml")
    assert space.budget == Budget(trials=7, time=5400.0, max_failures=3)
    assert from_dict({"seed": 2**32 - 1}, "my.yaml").seed == 2**32 - 1
    assert space.wandb.tags == ("a", "b")
    assert space.columns == Columns(id=None, source="dialogue", target="target")
    assert space.search["learning_rate"] == FloatRange(1e-5, 1e-3, log=True, default=1e-4)


def test_a_checked_space_cannot_be_changed() -> None:
    """So that it stays valid; `dataclasses.replace` makes a new one."""
    fields = [(Space(), "seed"), (FloatRange(0, 1), "low"), (IntRange(0, 1), "low"), (Choice((1,)), "options")]
    for instance, name in fields:
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(instance, name, 1)


def test_every_field_has_a_reader_or_is_a_section() -> None:
    """So that every key is checked."""
    keys = {key for key in READERS if "." not in key} | set(SECTIONS) | {"fixed", "search"}
    assert keys == {item.name for item in dataclasses.fields(Space)}


def test_every_example_in_a_message_is_valid() -> None:
    """Each reader reads its own example."""
    for key, reader in READERS.items():
        reader.read(yaml.safe_load(reader.example))
        assert reader.allowed, key


@pytest.mark.parametrize(
    ("mapping", "problem"),
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
        ({"budget": "large"}, "budget is 'large'"),
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
def test_a_wrong_value_names_file_and_key(mapping: dict[str, Any], problem: str) -> None:
    """Wrong types, values out of limits and unknown keys."""
    assert problems(mapping) == [f"my.yaml: {problem}"]


def test_an_unknown_key_gets_the_allowed_ones_and_a_suggestion() -> None:
    """The allowed keys are those of its section."""
    with pytest.raises(UserError) as caught:
        from_dict({"budget": {"trails": 3}}, "my.yaml")
    assert caught.value.allowed == "budget.max_failures, budget.time, budget.trials"
    assert caught.value.todo == "did you mean 'budget.trials'?"


def test_all_problems_are_reported_at_once() -> None:
    """So that one run is enough to find them all."""
    errors = problems({"seed": "x", "budget": {"trials": -1}, "search": {"a": {"int": [2, 1]}}, "oops": 1})
    assert len(errors) == 4


def test_a_section_with_only_comments_is_empty() -> None:
    """YAML reads it as null."""
    assert from_dict({"fixed": None, "budget": None}, "my.yaml") == Space()


def test_a_parameter_cannot_be_fixed_and_searched() -> None:
    """Within one file."""
    errors = problems({"fixed": {"num_beams": 4}, "search": {"num_beams": {"int": [1, 8]}}})
    assert errors == ["my.yaml: num_beams is in both search.num_beams and fixed.num_beams"]


def test_a_parameter_follows_those_it_depends_on() -> None:
    """A sampler that proposes values in this order can check every condition."""
    assert list(from_dict(FULL, "my.yaml").search) == ["learning_rate", "optim", "num_beams", "no_repeat_ngram_size"]


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ({"optm": "adafactor"}, "my.yaml: search.x.when: 'optm' is not searched"),
        ({"optim": "adafactr"}, "my.yaml: search.x.when: optim is never 'adafactr'"),
        ({"num_beams": [2, 9]}, "my.yaml: search.x.when: num_beams is never 9"),
        ({"x": 1}, "my.yaml: the conditions of x form a circle"),
    ],
)
def test_a_condition_must_be_possible(when: dict[str, Any], problem: str) -> None:
    """It names a searched parameter and values that this parameter can have."""
    search = {
        "optim": {"choice": ["adamw_torch", "adafactor"]},
        "num_beams": {"int": [1, 8]},
        "x": {"int": [0, 4], "when": when},
    }
    assert problems({"search": search}) == [problem]


def test_circular_conditions_are_refused() -> None:
    """No parameter of the circle could be proposed first."""
    search = {"a": {"int": [0, 4], "when": {"b": 1}}, "b": {"int": [0, 4], "when": {"a": 1}}, "c": {"int": [0, 1]}}
    assert problems({"search": search}) == ["my.yaml: the conditions of a, b form a circle"]


def test_an_invalid_range_is_reported_once() -> None:
    """And not again for the conditions that name it."""
    search = {"a": {"int": [4, 0]}, "b": {"int": [0, 4], "when": {"a": 1}}}
    assert problems({"search": search}) == ["my.yaml: search.a: the lower bound is above the upper bound: 4 > 0"]


def test_a_grid_is_a_list_of_configurations() -> None:
    """By its name alone; a continuous range has infinitely many values, and some lists are too long."""
    beams = {"num_beams": {"int": [1, 4]}}
    assert from_dict({"sampler": "grid", "search": beams}, "x").sampler.name == "grid"
    rate = {"learning_rate": {"log": [1e-5, 1e-3]}}
    assert problems({"sampler": "grid", "search": beams | rate}) == [
        "my.yaml: sampler.name is grid, but learning_rate can have infinitely many values"
    ]
    assert problems({"sampler": {"name": "grid"}, "search": {"max_new_tokens": {"int": [1, 20_000]}}}) == [
        "my.yaml: sampler.name is grid, but the ranges have too many configurations"
    ]


def test_a_grace_longer_than_the_training_is_refused() -> None:
    """ASHA could not stop any trial, and Ray would report it only after the start of the search."""
    assert problems({"scheduler": {"grace": 3}, "fixed": {"num_train_epochs": 2}}) == [
        "my.yaml: num_train_epochs is 2, but scheduler.grace is 3 epochs (my.yaml)"
    ]
    assert len(problems({"scheduler": {"grace": 3, "max": 2}})) == 1
    space = from_dict({"fixed": {"num_train_epochs": -1}}, "x")  # the value itself is refused where values are checked
    assert space.fixed == {"num_train_epochs": -1}
    quiet = from_dict({"scheduler": {"grace": 3, "name": "none"}, "fixed": {"num_train_epochs": 2}}, "x")
    assert quiet.scheduler.name == "none"


def test_files_together_with_embedded_data_are_refused() -> None:
    """It would be unclear which data is used."""
    assert len(problems({"data": {"embedded": True, "train": "a.csv", "dev": "b.csv"}})) == 1


def test_ranges_and_spaces_are_built_without_yaml() -> None:
    """Code may build a space directly, and save it and read it back."""
    space = Space(search={"a": IntRange(1, 3), "b": Choice((1, 2), when={"a": (1, 2)})}, special_tokens=("x",))
    assert from_dict(space.to_dict(), "built") == space


def test_the_package_imports_only_yaml() -> None:
    """And no heavy library, so that `--help` is fast."""
    # -S skips what site-packages import at the start; the path is passed explicitly instead
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import yaml; before = set(sys.modules); "
        "import search_spaces.resolve; new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*new - sys.stdlib_module_names)"
    )
    process = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert {*process.stdout.split()} == {"search_spaces", "foundation"}
