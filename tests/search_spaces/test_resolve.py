"""Layers and overrides: which one wins, fixed and searched parameters, and every shipped file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import search_spaces.resolve as module
from foundation.errors import UserError, UserErrors
from search_spaces.checks import Objective
from search_spaces.draft import from_dict
from search_spaces.ranges import Choice, FloatRange, IntRange
from search_spaces.resolve import list_spaces, load_space, resolve
from search_spaces.schema import Budget, Space, Wandb

EXTRA = ["tokenizer_kind", "vocabulary", "class_weights", "regression_loss", "freeze_layers", "layerwise_lr_decay"]
GENERATION = ["num_beams", "max_new_tokens", "length_penalty", "no_repeat_ngram_size"]
KINDS = {
    "num_train_epochs": "training",
    "per_device_train_batch_size": "training",
    "per_device_eval_batch_size": "training",
    "weight_decay": "training",
    "lr_scheduler_type": "training",
    "learning_rate": "training",
    "warmup_steps": "training",
    "label_smoothing_factor": "training",
    "optim": "training",
    **dict.fromkeys(GENERATION, "generation"),
    **dict.fromkeys(EXTRA, "extra"),
}
ALIASES = {"warmup_ratio": "warmup_steps as a fraction", "evaluation_strategy": "eval_every, in epochs"}
METRICS = {name: Objective("max") for name in ("rouge_sum", "rouge_l", "accuracy", "bleu_4", "pearson")}
METRICS["loss"] = Objective("min")


def metrics_of(task: str) -> dict[str, Objective]:
    """The same for every task."""
    return METRICS


RAW: dict[str, Any] = {
    "fixed": {"num_train_epochs": 5, "weight_decay": 0.01},
    "search": {
        "learning_rate": {"log": [1e-5, 3e-4], "default": 5e-5},
        "num_beams": {"int": [1, 8], "default": 4},
        "length_penalty": {"float": [0.5, 1.5], "default": 1.0, "when": {"num_beams": [2, 4]}},
    },
    "embedded": {"model": "scratch:tiny", "fixed": {"num_train_epochs": 6}, "budget": {"trials": 12}},
}


def solve(raw: dict[str, Any] | None = None, **overrides: Any) -> Space:
    """`RAW` with overrides, resolved with the small tables of this file."""
    tables: dict[str, Any] = {"parameter_kinds": KINDS, "aliases": ALIASES, "metrics": metrics_of}
    return resolve(RAW if raw is None else raw, "my/base.yaml", **{**tables, **overrides})


def problems(raw: dict[str, Any] | None = None, **overrides: Any) -> list[UserError]:
    """The problems, one error each."""
    with pytest.raises(UserError) as caught:
        solve(raw, **overrides)
    return caught.value.problems if isinstance(caught.value, UserErrors) else [caught.value]


@pytest.mark.parametrize("embedded", [False, True])
@pytest.mark.parametrize("name", list_spaces())
def test_every_shipped_space_resolves(name: str, embedded: bool) -> None:
    """With and without the embedded data, and the result can be saved and read back."""
    raw, where = load_space(name)
    space = solve(raw, embedded=embedded)
    assert from_dict(space.to_dict(), where) == space
    assert space.search


@pytest.mark.parametrize("name", list_spaces())
def test_the_suggestions_in_comments_work_when_uncommented(name: str) -> None:
    """A user may remove the # of a line."""
    text = (module.SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    raw, _ = load_space(name)
    suggested = yaml.safe_load("\n".join(re.findall(r"^  # ([\w.]+: \{.*)$", text, flags=re.MULTILINE))) or {}
    raw["search"] = {**raw["search"], **suggested}
    raw["fixed"] = {key: value for key, value in raw["fixed"].items() if key not in suggested}
    assert set(solve(raw).search) == set(raw["search"])
    assert name != "kobart" or len(suggested) == 7


def test_a_space_is_loaded_by_name_or_by_path(tmp_path: Path) -> None:
    """A name is that of a shipped file; the file name of a path becomes the name of the space."""
    path = tmp_path / "mine.yaml"
    path.write_text("seed: 3\n", encoding="utf-8")
    assert load_space("kobart")[1] == "search_spaces/kobart.yaml"
    assert load_space(path) == ({"seed": 3}, str(path))
    assert resolve(*load_space(path), parameter_kinds={}, metrics=metrics_of).name == "mine"


def test_an_unknown_space_gets_the_available_ones() -> None:
    """And the most similar name."""
    with pytest.raises(UserError) as caught:
        load_space("kobrat")
    assert "kobart" in caught.value.allowed
    assert caught.value.todo == "did you mean 'kobart'?"


@pytest.mark.parametrize(
    ("text", "problem"), [("- a\n", "not a mapping"), ("", "not a mapping"), ("a: 1\na: 2\n", "line 2")]
)
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """A list, an empty file, and a duplicate key."""
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=problem):
        load_space(path)


def test_later_layers_win() -> None:
    """File, embedded, config, sets, options: each layer here raises the value of the previous one."""
    layers: dict[str, Any] = {
        "embedded": True,
        "config": {"budget": {"trials": 13}},
        "sets": ["budget.trials=14"],
        "options": {"budget.trials": 15, "budget.time": None},
    }
    trials = [solve(**dict(list(layers.items())[:count])).budget.trials for count in range(5)]
    assert trials == [20, 12, 13, 14, 15]  # 20 is the default of the schema


def test_embedded_overrides_apply_only_without_data() -> None:
    """The section overrides the file, and keeps keys that it does not name."""
    assert solve().model == Space().model
    space = solve(embedded=True)
    assert (space.model, space.data.embedded) == ("scratch:tiny", True)
    assert space.fixed == {"num_train_epochs": 6, "weight_decay": 0.01}


def test_a_config_may_change_one_part_of_a_range() -> None:
    """Without a kind of range it changes the existing range; with one it replaces the range."""
    config = {"search": {"num_beams": {"default": 2}, "learning_rate": {"float": [0.1, 0.2]}}}
    space = solve(config=config)
    assert space.search["num_beams"] == IntRange(1, 8, default=2)
    assert space.search["learning_rate"] == FloatRange(0.1, 0.2)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("wandb.mode=disabled", "wandb", Wandb(mode="disabled")),
        ("rouge_tokenizer=whitespace", "rouge_tokenizer", "whitespace"),
        ("metric=rouge_l", "metric", "rouge_l"),
        ("eval_every=5e-1", "eval_every", 0.5),
        ("special_tokens=['#a#', b]", "special_tokens", ("#a#", "b")),
        ("budget={time: 2m}", "budget", Budget(time=120.0)),
    ],
)
def test_set_reaches_every_key(text: str, key: str, value: object) -> None:
    """With a dot for sections, and values as in YAML."""
    assert getattr(solve(sets=[text]), key) == value


def test_set_fixes_a_parameter() -> None:
    """It is no longer searched, and `1e-4` is a number."""
    space = solve(sets=["learning_rate=1e-4", "model.dropout=0.2", "optim=adafactor"])
    assert "learning_rate" not in space.search
    assert space.fixed == {
        "num_train_epochs": 5, "weight_decay": 0.01, "learning_rate": 1e-4, "model.dropout": 0.2, "optim": "adafactor"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ranges", "name", "expected"),
    [
        (["learning_rate=log:1e-5:1e-4"], "learning_rate", FloatRange(1e-5, 1e-4, log=True, default=5e-5)),
        (["learning_rate=log:1e-4:1e-2"], "learning_rate", FloatRange(1e-4, 1e-2, log=True, default=1e-3)),
        (["weight_decay=float:0:0.1"], "weight_decay", FloatRange(0, 0.1, default=0.01)),
        (["weight_decay=float:1:2"], "weight_decay", FloatRange(1, 2, default=1.5)),
        (["optim=choice:null,adafactor"], "optim", Choice((None, "adafactor"), default=None)),
    ],
)
def test_the_default_of_a_range_from_the_command_line(ranges: list[str], name: str, expected: object) -> None:
    """The previous default or fixed value if it is inside, else the midpoint."""
    space = solve(ranges=ranges)
    assert space.search[name] == expected
    assert name not in space.fixed


def test_a_missing_fixed_value_is_not_a_default() -> None:
    """A new parameter has the first option as its default, even if null is an option."""
    assert solve(ranges=["optim=choice:adafactor,null"]).search["optim"].default == "adafactor"


def test_a_range_after_a_set_keeps_the_value() -> None:
    """The value of `--set` becomes the default."""
    space = solve(sets=["num_beams=2"], ranges=["num_beams=int:1:3"])
    assert space.search["num_beams"] == IntRange(1, 3, default=2)


def test_a_narrower_range_keeps_its_condition() -> None:
    """A condition cannot be written on the command line."""
    space = solve(ranges=["length_penalty=float:0.9:1.1"])
    assert space.search["length_penalty"] == FloatRange(0.9, 1.1, default=1.0, when={"num_beams": (2, 4)})


@pytest.mark.parametrize(("beams", "when"), [(4, None), (1, "removed")])
def test_fixing_a_parameter_resolves_conditions_on_it(beams: int, when: str | None) -> None:
    """A dependent parameter is searched unconditionally, or removed."""
    searched = solve(sets=[f"num_beams={beams}"]).search.get("length_penalty")
    assert (searched.when if searched else "removed") == when


def test_a_redundant_prefix_is_removed() -> None:
    """`generation.num_beams` is `num_beams`; a field of the model keeps its prefix."""
    space = solve(sets=["generation.num_beams=2", "training.weight_decay=0.1", "model.d_model=64"])
    assert "num_beams" not in space.search
    assert {"num_beams": 2, "weight_decay": 0.1, "model.d_model": 64}.items() <= space.fixed.items()


def test_a_redundant_prefix_is_removed_in_conditions_too() -> None:
    """A condition may use either name."""
    config = {"search": {"length_penalty": {"when": {"generation.num_beams": 2}}}}
    assert solve(config=config).search["length_penalty"].when == {"num_beams": 2}


def test_an_old_name_is_the_same_parameter() -> None:
    """It stays as written, and each of the two names overrides the other."""
    raw = {"search": {"warmup_ratio": {"float": [0, 0.2]}}}
    assert "warmup_ratio" in solve(raw).search
    space = solve(raw, sets=["warmup_steps=100"])
    assert (space.search, space.fixed) == ({}, {"warmup_steps": 100})
    assert len(problems({"fixed": {"warmup_ratio": 0.1, "warmup_steps": 3}})) == 1
    assert solve(sets=["training.warmup_ratio=0.1", "evaluation_strategy=epoch"]).fixed["warmup_ratio"] == 0.1


def test_the_mode_is_that_of_the_metric() -> None:
    """It is filled in; another mode is refused."""
    assert solve(sets=["metric=loss"]).mode == "min"
    (problem,) = problems(sets=["mode=min"])
    assert problem.problem == "--set mode=min: mode is min, but the best rouge_sum is the maximum"


@pytest.mark.parametrize(
    ("overrides", "start", "todo"),
    [
        ({"sets": ["lerning_rate=1"]}, "--set lerning_rate=1: unknown parameter", "did you mean 'learning_rate'?"),
        ({"sets": ["wandb.mod=x"]}, "--set wandb.mod=x: unknown key", "did you mean 'wandb.mode'?"),
        ({"sets": ["buget.trials=1"]}, "--set buget.trials=1: unknown", "did you mean 'budget.trials'?"),
        ({"sets": ["training.num_beams=1"]}, "--set training.num", "num_beams is a generation parameter"),
        ({"sets": ["seed"]}, "--set seed has no KEY=", "write KEY=VALUE without spaces"),
        ({"sets": ["seed=[1"]}, "--set seed=[1, line 1", "fix that line"),
        ({"sets": ["num_beams=.nan"]}, "--set num_beams=.nan: not a plain value", "write a plain value"),
        ({"sets": ["metric=rogue_l"]}, "--set metric=rogue_l: metric is", "did you mean 'rouge_l'?"),
        ({"options": {"budget.time": "8x"}}, "--time-budget 8x", "write for example --time-budget 4h"),
        (
            {"options": {"slots.workers_per_trial": 0}},
            "--workers-per-trial 0",
            "write for example --workers-per-trial 1",
        ),
        ({"ranges": ["num_beam=int:1:8"]}, "--range num_beam=int:1:8: unknown", "did you mean 'num_beams'?"),
        ({"ranges": ["num_beams=int:8:1"]}, "--range num_beams=int:8:1: the lower", "write 1 first, then 8"),
        ({"options": {"budget.trials": -1}}, "--trials -1", "write for example --trials 1"),
        ({"config": {"seeed": 1}}, "--config: unknown key", "did you mean 'seed'?"),
        ({"config": {"learning_rate": 1}}, "--config: unknown key", "learning_rate is a parameter: write it"),
        ({"config": {"fixed": {"seed": 1}}}, "--config: fixed: unknown", "seed is a key of its own"),
        (
            {"config": {"search": {"x": {"int": [1, 2]}}}},
            "--config: search: unknown parameter 'x'",
            "write model.x if the model has this field, else remove it",
        ),
        ({"embedded": True, "options": {"data.train": "a"}}, "--train: data.train", "remove one of the two"),
    ],
)
def test_a_wrong_override_has_a_message_in_three_parts(overrides: dict[str, Any], start: str, todo: str) -> None:
    """The override, what is allowed, and a suggestion."""
    (problem,) = problems(**overrides)
    assert problem.problem.startswith(start)
    assert problem.todo.startswith(todo)
    assert problem.allowed


def test_a_problem_in_the_embedded_section_names_it() -> None:
    """So that the user does not look in the rest of the file."""
    (problem,) = problems({"embedded": {"modle": "x"}}, embedded=True)
    assert problem.problem == "my/base.yaml, embedded: unknown key 'modle'"


def test_problems_of_all_layers_are_reported_together() -> None:
    """One problem of each layer."""
    errors = problems({"oops": 1}, config={"seed": "x"}, sets=["a=1"], ranges=["b=int:1:2"], options={"name": ""})
    assert len(errors) == 5
