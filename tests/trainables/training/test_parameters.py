"""Parameters: each name has one reader, old names still work, and nothing is accepted in silence."""

import dataclasses
from typing import Any

import pytest
from transformers import GenerationConfig, Seq2SeqTrainingArguments

from foundation.errors import UserError
from trainables.training.parameter_names import ALIASES, BECAME, RESERVED
from trainables.training.parameters import (
    ABOVE,
    AT_LEAST,
    AT_MOST,
    BELOW,
    generation_fields,
    known_parameters,
    split_parameters,
    training_fields,
    value_problems,
)

TRAINING_FIELDS = [field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init]

#: Old name, its value -> what training and generation read.
TRANSLATIONS: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    ("warmup_ratio", 0.1, {"warmup_steps": 0.1}, {}),
    ("warmup_ratio", 0, {"warmup_steps": 0.0}, {}),
    ("warmup_ratio", None, {}, {}),
    ("evaluation_strategy", "epoch", {}, {}),
    ("eval_strategy", "steps", {}, {}),
    ("save_strategy", "no", {}, {}),
    ("overwrite_output_dir", True, {}, {}),
    ("logging_dir", "logs", {}, {}),
    ("per_gpu_train_batch_size", 8, {"per_device_train_batch_size": 8}, {}),
    ("per_gpu_eval_batch_size", 8, {"per_device_eval_batch_size": 8}, {}),
    ("generation_max_length", 30, {}, {"max_length": 30}),
    ("generation_num_beams", 4, {}, {"num_beams": 4}),
    ("generate_max_length", 30, {}, {"max_length": 30}),
    ("adafactor", True, {"optim": "adafactor"}, {}),
    ("adafactor", False, {}, {}),
    ("precision", "bf16", {"bf16": True, "fp16": False}, {}),
    ("precision", "fp16", {"bf16": False, "fp16": True}, {}),
    ("precision", 16, {"bf16": False, "fp16": True}, {}),
    ("precision", "fp32", {"bf16": False, "fp16": False}, {}),
    ("label_smoothing", 0.1, {"label_smoothing_factor": 0.1}, {}),
]


@pytest.mark.parametrize(("name", "value", "training", "generation"), TRANSLATIONS)
def test_an_old_name_is_translated(name: str, value: Any, training: dict[str, Any], generation: dict[str, Any]) -> None:
    """To exactly what it means today, and to nothing beside it."""
    found = split_parameters({name: value})
    assert (found.training, found.generation, found.model) == (training, generation, {})


def test_every_old_name_is_translated_above() -> None:
    """A new alias needs a line in the table, and a sentence for the person who wrote it."""
    assert {name for name, *_ in TRANSLATIONS} == ALIASES.keys()
    assert BECAME.keys() == ALIASES.keys()


def test_a_warmup_ratio_is_what_transformers_reads_as_a_share() -> None:
    """0.1 of 50 steps are 5."""
    arguments = Seq2SeqTrainingArguments(
        output_dir="unused", use_cpu=True, **split_parameters({"warmup_ratio": 0.1}).training
    )
    assert arguments.get_warmup_steps(50) == 5


@pytest.mark.parametrize("value", [1, 1.0, -0.1, 500])
def test_a_warmup_ratio_is_a_share(value: float) -> None:
    """1 and more would be read as a number of steps."""
    with pytest.raises(UserError, match="no share of all steps"):
        split_parameters({"warmup_ratio": value})


@pytest.mark.parametrize("name", ["eval_strategy", "evaluation_strategy"])
def test_a_trial_is_always_evaluated(name: str) -> None:
    """Without evaluations there is nothing to compare."""
    with pytest.raises(UserError, match="without evaluations to compare") as caught:
        split_parameters({name: "no"})
    assert "eval_every" in caught.value.todo


@pytest.mark.parametrize("name", sorted({*TRAINING_FIELDS, *RESERVED}))
def test_every_training_argument_is_read_or_refused_with_a_reason(name: str) -> None:
    """None is unknown, and none of those that the search sets is accepted."""
    if name not in RESERVED:
        found = split_parameters({name: "epoch"})
        assert name in ALIASES or found.training == {name: "epoch"}
        return
    with pytest.raises(UserError, match=f"{name} is set by the search itself") as caught:
        split_parameters({name: "epoch"})
    assert caught.value.todo == RESERVED[name]


def test_the_search_sets_only_what_there_is() -> None:
    """A name that transformers dropped goes from the table too; `no_cuda` stays, since people still write it."""
    assert set(RESERVED) - set(TRAINING_FIELDS) == {"no_cuda"}


@pytest.mark.parametrize("name", sorted(generation_fields() - training_fields()))
def test_every_decoding_parameter_is_read(name: str) -> None:
    """By generation, under its own name."""
    assert split_parameters({name: 3}).generation == {name: 3}


def test_names_are_sorted_by_their_readers() -> None:
    """Training, generation, the model's configuration, and kotune's own."""
    found = split_parameters({"learning_rate": 1e-4, "num_beams": 4, "model.dropout": 0.2, "group_by_length": False})
    assert found.training == {"learning_rate": 1e-4}
    assert found.generation == {"num_beams": 4}
    assert found.model == {"dropout": 0.2}
    assert found.extra == {"group_by_length": False}


def test_a_prefix_names_the_reader() -> None:
    """`use_cache` means training unless it is said otherwise; the prefix does not reach the reader."""
    assert split_parameters({"use_cache": True}).training == {"use_cache": True}
    found = split_parameters({"generation.use_cache": True, "training.weight_decay": 0.1, "model.use_cache": False})
    assert (found.generation, found.training, found.model) == (
        {"use_cache": True},
        {"weight_decay": 0.1},
        {"use_cache": False},
    )


def test_kinds_are_known_by_name() -> None:
    """What the search space is checked against; a name of both classes belongs to training."""
    known = known_parameters()
    names = ("learning_rate", "num_beams", "use_cache", "group_by_length", "warmup_ratio", "eval_strategy")
    assert [known[name] for name in names] == ["training", "generation", "training", "extra", "alias", "alias"]
    assert not known.keys() & RESERVED.keys()
    assert not [name for name in known if name.startswith("_")]


def test_an_unknown_name_is_refused() -> None:
    """A misspelt key would be searched for a night."""
    with pytest.raises(UserError, match="learnig_rate is no parameter"):
        split_parameters({"learnig_rate": 1e-4})
    with pytest.raises(UserError, match="is no parameter"):
        split_parameters({"optimizer.momentum": 0.9})


@pytest.mark.parametrize(
    ("first", "second", "thing"),
    [
        ({"warmup_ratio": 0.1}, {"warmup_steps": 100}, "warmup_steps"),
        ({"generation_num_beams": 2}, {"num_beams": 2}, "num_beams"),
        ({"generation_max_length": 20}, {"generate_max_length": 20}, "max_length"),
        ({"precision": "bf16"}, {"fp16": True}, "fp16"),
        ({"adafactor": True}, {"optim": "adamw_torch"}, "optim"),
    ],
)
def test_two_names_for_one_thing_are_refused(first: dict[str, Any], second: dict[str, Any], thing: str) -> None:
    """In either order: which of them wins must not depend on a file's lines."""
    for config in ({**first, **second}, {**second, **first}):
        with pytest.raises(UserError, match=f"both set {thing}"):
            split_parameters(config)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("learning_rate", "fast", "a number"),
        ("learning_rate", True, "a number"),
        ("learning_rate", -1e-5, "at least 0"),
        ("num_beams", 2.5, "a whole number"),
        ("num_beams", 0, "at least 1"),
        ("max_new_tokens", 0, "at least 1"),
        ("max_length", 1, "at least 2"),
        ("num_train_epochs", 0, "more than 0"),
        ("per_device_train_batch_size", 0, "at least 1"),
        ("bf16", "yes", "true or false"),
        ("do_sample", 1, "true or false"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: Any, allowed: str) -> None:
    """With what was given, what is allowed and what to change."""
    (problem,) = value_problems({name: value})
    assert (problem.problem, problem.allowed, problem.todo) == (f"{name}: {value!r}", allowed, f"change {name}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0),
        ("num_beams", 1),
        ("num_beams", 4.0),
        ("num_train_epochs", 0.5),
        ("max_length", 2),
        ("weight_decay", 0),
        ("early_stopping", "never"),
        ("max_new_tokens", None),
        ("lr_scheduler_type", "cosine"),
    ],
)
def test_a_value_at_the_edge_is_fine(name: str, value: Any) -> None:
    """Bounds are included, None is no value, and words are judged elsewhere."""
    assert value_problems({name: value}) == []


def test_all_bad_values_are_named_at_once() -> None:
    """Nobody mends them one run at a time."""
    problems = value_problems({"num_beams": 0, "weight_decay": 0.1, "learning_rate": "fast"})
    assert [problem.problem for problem in problems] == ["num_beams: 0", "learning_rate: 'fast'"]


def test_smallest_values_belong_to_parameters_there_are() -> None:
    """A bound on a misspelt name would never be looked at."""
    assert {*AT_LEAST, *ABOVE, *BELOW, *AT_MOST} <= known_parameters().keys()


def test_defaults_have_no_problems() -> None:
    """What transformers itself starts from passes."""
    training = {field.name: field.default for field in dataclasses.fields(Seq2SeqTrainingArguments)}
    generation = {name: getattr(GenerationConfig(), name) for name in generation_fields()}
    strategies = {"eval_strategy"}  # "no" is refused: trials without evaluations cannot be compared
    assert value_problems({name: training[name] for name in training_fields() - strategies}) == []
    assert value_problems(generation) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("training.max_steps", "is set by the search itself"), ("generation.num_beems", "is no parameter")],
)
def test_a_prefix_opens_no_back_door(name: str, why: str) -> None:
    """What is refused without its prefix is refused with it, for the same reason."""
    with pytest.raises(UserError, match=f"{name} {why}"):
        split_parameters({name: 3})


def test_a_prefix_makes_no_second_name() -> None:
    """`num_beams` and `generation.num_beams` are two names for one thing."""
    with pytest.raises(UserError, match="both set"):
        split_parameters({"num_beams": 2, "generation.num_beams": 3})


@pytest.mark.parametrize(
    ("name", "value", "meant"), [("optim", "adamww_torch", "adamw_torch"), ("lr_scheduler_type", "cosin", "cosine")]
)
def test_a_misspelt_word_is_told_in_three_parts(name: str, value: str, meant: str) -> None:
    """transformers' own message is one long line without the nearest word."""
    (problem,) = value_problems({name: value})
    assert problem.problem == f"{name}: {value!r}"
    assert meant in problem.allowed.split(", ")
    assert problem.todo == f"did you mean {meant!r}?"


def test_a_word_is_no_warmup_ratio() -> None:
    """A mistake of the user is never a traceback."""
    with pytest.raises(UserError):
        split_parameters({"warmup_ratio": "a tenth"})


@pytest.mark.parametrize("name", ["warmup_steps", "logging_steps"])
def test_steps_may_be_a_share(name: str) -> None:
    """transformers 5 reads a value below 1 as a share of all steps."""
    assert value_problems({name: 0.1}) == []


@pytest.mark.parametrize("name", ["generation_num_beams", "per_gpu_train_batch_size", "generation.num_beams"])
def test_a_value_is_judged_under_every_name(name: str) -> None:
    """No beams and no rows, whatever they are called."""
    assert value_problems({name: 0})


def test_an_unknown_precision_is_refused() -> None:
    """A misspelt bf16 would train in 32 bit, at a multiple of the time, without a word."""
    with pytest.raises(UserError):
        split_parameters({"precision": "bf-16"})


def test_a_name_of_both_classes_is_known_with_its_prefix() -> None:
    """As the docstring of `known_parameters` says."""
    assert known_parameters()["generation.use_cache"] == "generation"


def test_a_whole_number_written_as_a_float_is_a_whole_number() -> None:
    """YAML and 1e4 make floats, which batch sizes and vocabularies cannot be."""
    config = {"per_device_train_batch_size": 16.0, "num_beams": 4.0, "vocabulary": 1e4}
    found = split_parameters(config)
    for value, whole in (
        (found.training["per_device_train_batch_size"], 16),
        (found.generation["num_beams"], 4),
        (found.extra["vocabulary"], 10_000),
    ):
        assert (value, type(value)) == (whole, int)
    assert found.value("vocabulary") == 10_000
    assert found.value("learning_rate") is None
