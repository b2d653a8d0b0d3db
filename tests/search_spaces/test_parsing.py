"""Ranges from YAML and from the command line, and their mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from foundation.errors import UserError, UserErrors
from search_spaces.parsing import OPTION_FORMS, YAML_FORMS, parse_range, parse_range_option
from search_spaces.ranges import Choice, FloatRange, IntRange, Range

FORMS: list[tuple[dict[str, Any], Range]] = [
    ({"log": [1.0e-5, 3.0e-4], "default": 5.0e-5}, FloatRange(1e-5, 3e-4, log=True, default=5e-5)),
    ({"float": [0.0, 0.2], "default": 0.1}, FloatRange(0, 0.2, default=0.1)),
    ({"int": [1, 8], "default": 4}, IntRange(1, 8, default=4)),
    ({"int": [1, 8], "step": 2, "default": 3}, IntRange(1, 8, step=2, default=3)),
    ({"log_int": [8, 512], "default": 64}, IntRange(8, 512, log=True, default=64)),
    ({"choice": ["a", 1, None, False], "default": None}, Choice(("a", 1, None, False), default=None)),
    (
        {"float": [0.0, 1.0], "default": 0.5, "when": {"optim": "adafactor", "num_beams": [2, 4]}},
        FloatRange(0, 1, default=0.5, when={"optim": "adafactor", "num_beams": (2, 4)}),
    ),
]


@pytest.mark.parametrize(("spec", "expected"), FORMS)
def test_the_yaml_form_is_read_and_written(spec: dict[str, Any], expected: Range) -> None:
    """`to_dict` returns the form that was read, also through YAML text."""
    assert parse_range("x", spec, "file") == expected
    assert expected.to_dict() == spec
    assert parse_range("x", yaml.safe_load(yaml.safe_dump(expected.to_dict())), "file") == expected


def test_numbers_that_pyyaml_reads_as_text_are_accepted() -> None:
    """PyYAML reads `1e-5`, without a decimal point, as text."""
    spec = yaml.safe_load("{log: [1e-5, 1e-3], default: 1e-4}")
    assert parse_range("x", spec, "file") == FloatRange(1e-5, 1e-3, log=True, default=1e-4)


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("learning_rate=log:1e-5:1e-3", "learning_rate", FloatRange(1e-5, 1e-3, log=True)),
        ("warmup_ratio=float:0:0.2", "warmup_ratio", FloatRange(0, 0.2)),
        ("num_beams=int:1:8", "num_beams", IntRange(1, 8)),
        ("generation.num_beams=int:1:8:2", "generation.num_beams", IntRange(1, 8, step=2)),
        ("x=log_int:8:512", "x", IntRange(8, 512, log=True)),
        ("optim=choice:adamw_torch, adafactor", "optim", Choice(("adamw_torch", "adafactor"))),
        ("model=choice:scratch:tiny,none", "model", Choice(("scratch:tiny", "none"))),
    ],
)
def test_the_command_line_form_is_read(text: str, name: str, expected: Range) -> None:
    """`--range` gives the same range as the YAML form."""
    assert parse_range_option(text) == (name, expected)


def test_options_of_a_choice_have_yaml_types() -> None:
    """Compared as text, since 1 == True == 1.0 in Python."""
    parsed = parse_range_option("x=choice:2,true,null,none,1e-3")[1]
    assert isinstance(parsed, Choice)
    assert [repr(option) for option in parsed.options] == ["2", "True", "None", "'none'", "0.001"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lr=log:1e-3:1e-5", "lower bound is above the upper bound: 0.001 > 1e-05"),
        ("lr=float:1:1", "both 1"),
        ("lr=log:0:1", "cannot start at 0"),
        ("lr=log_int:0:8", "cannot start at 0"),
        ("n=int:1:8:0", "the step is 0"),
        ("n=int:1:8:9", "larger than the range"),
        ("n=int:1:8:x", "the step 'x' is not a whole number"),
        ("n=int:1:8.5", "'8.5' is not a whole number"),
        ("lr=lgo:1:2", "unknown kind 'lgo'"),
        ("lr=log:1", "1 bounds"),
        ("lr=log:1:2:3", "3 bounds"),
        ("n=int:1:2:3:4", "4 bounds"),
        ("lr=float:0:many", "'many' is not a finite number"),
        ("lr=float:nan:1", "'nan' is not a finite number"),
        ("lr=float:0:inf", "'inf' is not a finite number"),
        ("o=choice:", "no option"),
        ("o=choice:a,,b", "item 2 is empty"),
        ("o=choice:a,b,a", "duplicate option 'a'"),
        ("o=choice:1,true", "duplicate option True"),  # Optuna compares options with ==
        ("lr", "no NAME="),
        ("=log:1:2", "no NAME="),
    ],
)
def test_a_wrong_option_has_a_message_in_three_parts(text: str, problem: str) -> None:
    """The problem with its place, the form, and what to do."""
    with pytest.raises(UserError) as caught:
        parse_range_option(text)
    assert caught.value.problem.startswith(f"--range {text}")
    assert problem in caught.value.problem
    assert any(form in caught.value.allowed for form in OPTION_FORMS.values())
    assert caught.value.todo


def test_an_unknown_kind_gets_a_suggestion() -> None:
    """The most similar kind."""
    with pytest.raises(UserError) as caught:
        parse_range_option("o=choise:a,b")
    assert caught.value.todo == "did you mean 'choice'?"


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"log": [1e-3, 1e-5]}, "lower bound is above the upper bound"),
        ({"float": [0, 0.2], "default": 0.3}, "default 0.3 is not in the range"),
        ({"int": [1, 8], "step": 2, "default": 4}, "default 4 is not in the range"),  # the grid is 1, 3, 5, 7
        ({"int": [1, 8], "default": 2.5}, "default 2.5 is not in the range"),
        ({"choice": ["a", "b"], "default": "c"}, "default 'c' is not in the range"),
        ({"choice": []}, "no option"),
        ({"choice": [["a"], "b"]}, "is not a plain value"),
        ({"choice": "a"}, "choice is 'a'"),
        ({"float": [0, float("nan")]}, "nan is not a finite number"),
        ({"int": [True, 8]}, "True is not a whole number"),
        ({"log_int": [8, 512], "step": 2}, "unknown key 'step'"),
        ({"float": [0, 1], "defualt": 1}, "unknown key 'defualt'"),
        ({"float": [0, 1], "int": [0, 1]}, "several kinds: float, int"),
        ({"default": 1}, "no kind of range"),
        ({"float": [0, 1], "when": "optim"}, "`when` is 'optim'"),
        ({"float": [0, 1], "when": {"optim": []}}, "optim is []"),
        (0.5, "is 0.5"),
    ],
)
def test_a_wrong_yaml_form_names_file_and_key(spec: object, problem: str) -> None:
    """At the beginning of the message."""
    with pytest.raises(UserError) as caught:
        parse_range("lr", spec, "my.yaml")
    assert caught.value.problem.startswith("my.yaml: search.lr")
    assert problem in caught.value.problem
    assert caught.value.todo


def test_all_problems_of_a_range_are_reported_at_once() -> None:
    """Swapped bounds, a step of 0 and an empty condition: three problems."""
    with pytest.raises(UserErrors) as caught:
        parse_range("n", {"int": [8, -1], "step": 0, "when": {}}, "my.yaml")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize("kind", YAML_FORMS)
def test_the_forms_in_messages_are_valid(kind: str) -> None:
    """A user may copy the example."""
    assert parse_range("x", yaml.safe_load(YAML_FORMS[kind]), "file").to_dict()[kind]
