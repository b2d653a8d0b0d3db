"""Parameters: each name has one reader, aliases are resolved, and unknown names and bad values are refused."""

import dataclasses
from typing import Any

import pytest
from transformers import GenerationConfig, Seq2SeqTrainingArguments

from foundation.errors import UserError
from search_spaces.names import FAMILIAR
from trainables.training.parameter_names import ABOVE, ALIASES, AT_LEAST, AT_MOST, BELOW, EXTRA, RESERVED
from trainables.training.parameters import (
    generation_fields,
    parameter_kinds,
    split_parameters,
    training_fields,
    value_problems,
)

TRAINING_FIELDS = [field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init]

#: Alias and value -> training and generation parameters.
TRANSLATIONS: list[tuple[str, Any, dict[str, Any], dict[str, Any]]] = [
    ("warmup_ratio", 0.1, {"warmup_steps": 0.1}, {}),
    ("warmup_ratio", 0, {"warmup_steps": 0.0}, {}),
    ("warmup_ratio", None, {}, {}),
    ("evaluation_strategy", "epoch", {}, {}),
    ("eval_strategy", "steps", {}, {}),
    ("save_strategy", "no", {}, {}),
    ("overwrite_output_dir", True, {}, {}),
    ("logging_dir", "logs", {}, {}),
    ("adafactor", True, {"optim": "adafactor"}, {}),
    ("adafactor", False, {}, {}),
    ("precision", "bf16", {"bf16": True, "fp16": False}, {}),
    ("precision", "fp16", {"bf16": False, "fp16": True}, {}),
    ("precision", 16, {"bf16": False, "fp16": True}, {}),
    ("precision", "fp32", {"bf16": False, "fp16": False}, {}),
    *((name, 8, {}, {new: 8}) for name, new in FAMILIAR.items() if new in generation_fields()),
    *((name, 8, {new: 8}, {}) for name, new in FAMILIAR.items() if new not in generation_fields()),
]


@pytest.mark.parametrize(("name", "value", "training", "generation"), TRANSLATIONS)
def test_an_alias_is_resolved(name: str, value: Any, training: dict[str, Any], generation: dict[str, Any]) -> None:
    """To exactly the parameters in the table, and no others."""
    settings = split_parameters({name: value})
    assert (settings.training, settings.generation, settings.model) == (training, generation, {})


def test_familiar_names_are_parameters() -> None:
    """Their replacements exist, and the names have no other meaning."""
    assert set(FAMILIAR.values()) <= training_fields() | generation_fields()
    assert not FAMILIAR.keys() & (generation_fields() | RESERVED.keys())


def test_the_table_has_every_alias() -> None:
    """A new alias needs a line in the table."""
    assert {name for name, *_ in TRANSLATIONS} == ALIASES.keys()


def test_transformers_reads_a_warmup_ratio_as_a_fraction() -> None:
    """0.1 of 50 steps is 5."""
    arguments = Seq2SeqTrainingArguments(
        output_dir="unused", use_cpu=True, **split_parameters({"warmup_ratio": 0.1}).training
    )
    assert arguments.get_warmup_steps(50) == 5


@pytest.mark.parametrize("value", [1, 1.0, -0.1, 500])
def test_a_warmup_ratio_is_below_one(value: float) -> None:
    """1 and more would be read as a number of steps."""
    with pytest.raises(UserError, match="not a fraction of all steps"):
        split_parameters({"warmup_ratio": value})


@pytest.mark.parametrize("name", ["eval_strategy", "evaluation_strategy"])
def test_evaluation_cannot_be_switched_off(name: str) -> None:
    """Without evaluations, trials cannot be compared."""
    with pytest.raises(UserError, match="without evaluations to compare") as caught:
        split_parameters({name: "no"})
    assert "eval_every" in caught.value.todo


@pytest.mark.parametrize("name", sorted({*TRAINING_FIELDS, *RESERVED}))
def test_every_training_argument_is_read_or_refused(name: str) -> None:
    """Those that the search itself sets are refused with an alternative."""
    if name not in RESERVED:
        settings = split_parameters({name: "epoch"})
        assert name in ALIASES or name in EXTRA or settings.training == {name: "epoch"}
        return
    with pytest.raises(UserError, match=f"{name} cannot be set") as caught:
        split_parameters({name: "epoch"})
    assert caught.value.todo == RESERVED[name]


def test_reserved_names_exist() -> None:
    """Names that transformers removed are removed from the table as well, except `no_cuda`, which is still common."""
    assert set(RESERVED) - set(TRAINING_FIELDS) == {"no_cuda"}


@pytest.mark.parametrize("name", sorted(generation_fields() - training_fields()))
def test_every_decoding_parameter_is_read(name: str) -> None:
    """As a generation parameter of that name."""
    assert split_parameters({name: 3}).generation == {name: 3}


def test_parameters_are_grouped_by_reader() -> None:
    """Training, generation, the model's configuration, and parameters that kotune adds."""
    config = {"learning_rate": 1e-4, "num_beams": 4, "model.dropout": 0.2, "group_by_length": False}
    settings = split_parameters(config)
    assert settings.training == {"learning_rate": 1e-4}
    assert settings.generation == {"num_beams": 4}
    assert settings.model == {"dropout": 0.2}
    assert settings.extra == {"group_by_length": False}


def test_a_prefix_selects_the_reader() -> None:
    """`use_cache` without a prefix is a training parameter; the prefix is removed."""
    assert split_parameters({"use_cache": True}).training == {"use_cache": True}
    settings = split_parameters({"generation.use_cache": True, "training.weight_decay": 0.1, "model.use_cache": False})
    assert (settings.generation, settings.training, settings.model) == (
        {"use_cache": True},
        {"weight_decay": 0.1},
        {"use_cache": False},
    )


def test_every_parameter_has_a_kind() -> None:
    """Search spaces are checked against it; a name of both classes belongs to training."""
    kinds = parameter_kinds()
    names = ("learning_rate", "num_beams", "use_cache", "group_by_length", "warmup_ratio", "eval_strategy")
    assert [kinds[name] for name in names] == ["training", "generation", "training", "extra", "alias", "alias"]
    assert not kinds.keys() & RESERVED.keys()
    assert not [name for name in kinds if name.startswith("_")]


def test_an_unknown_name_is_refused() -> None:
    """A misspelt parameter would be searched without effect."""
    with pytest.raises(UserError, match="learnig_rate is not a parameter"):
        split_parameters({"learnig_rate": 1e-4})
    with pytest.raises(UserError, match="is not a parameter"):
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
def test_two_names_for_one_parameter_are_refused(first: dict[str, Any], second: dict[str, Any], thing: str) -> None:
    """In either order: which one wins must not depend on the order of lines in a file."""
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
def test_a_bad_value_is_refused(name: str, value: Any, allowed: str) -> None:
    """The message has the value, what is allowed, and what to change."""
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
def test_values_at_the_bounds_are_valid(name: str, value: Any) -> None:
    """Bounds are inclusive, and None means that a parameter is not set."""
    assert value_problems({name: value}) == []


def test_all_bad_values_are_reported_together() -> None:
    """So that one run is enough to find them."""
    problems = value_problems({"num_beams": 0, "weight_decay": 0.1, "learning_rate": "fast"})
    assert [problem.problem for problem in problems] == ["num_beams: 0", "learning_rate: 'fast'"]


def test_bounds_belong_to_existing_parameters() -> None:
    """A bound on a misspelt name would have no effect."""
    assert {*AT_LEAST, *ABOVE, *BELOW, *AT_MOST} <= parameter_kinds().keys()


def test_the_defaults_of_transformers_are_valid() -> None:
    """All training and generation defaults."""
    training = {field.name: field.default for field in dataclasses.fields(Seq2SeqTrainingArguments)}
    shared = {name: f"generation.{name}" for name in training_fields()}
    generation = {shared.get(name, name): getattr(GenerationConfig(), name) for name in generation_fields()}
    strategies = {"eval_strategy"}  # "no" is refused: trials without evaluations cannot be compared
    assert value_problems({name: training[name] for name in training_fields() - strategies}) == []
    assert value_problems(generation) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [("training.output_dir", "cannot be set"), ("generation.num_beems", "is not a parameter")],
)
def test_a_prefix_does_not_bypass_checks(name: str, why: str) -> None:
    """A name that is refused without a prefix is refused with it."""
    with pytest.raises(UserError, match=f"{name} {why}"):
        split_parameters({name: 3})


def test_a_prefix_does_not_make_another_parameter() -> None:
    """`num_beams` and `generation.num_beams` are the same parameter."""
    with pytest.raises(UserError, match="both set"):
        split_parameters({"num_beams": 2, "generation.num_beams": 3})


@pytest.mark.parametrize(
    ("name", "value", "meant"), [("optim", "adamww_torch", "adamw_torch"), ("lr_scheduler_type", "cosin", "cosine")]
)
def test_a_misspelt_word_is_refused_with_a_suggestion(name: str, value: str, meant: str) -> None:
    """The message has the value, the allowed words, and the nearest of them."""
    (problem,) = value_problems({name: value})
    assert problem.problem == f"{name}: {value!r}"
    assert meant in problem.allowed.split(", ")
    assert problem.todo == f"did you mean {meant!r}?"


def test_a_warmup_ratio_that_is_a_word_is_refused() -> None:
    """With a UserError, not a traceback."""
    with pytest.raises(UserError):
        split_parameters({"warmup_ratio": "a tenth"})


@pytest.mark.parametrize("name", ["warmup_steps", "logging_steps"])
def test_steps_may_be_a_fraction(name: str) -> None:
    """transformers 5 reads a value below 1 as a fraction of all steps."""
    assert value_problems({name: 0.1}) == []


@pytest.mark.parametrize("name", ["generation_num_beams", "per_gpu_train_batch_size", "generation.num_beams"])
def test_a_bad_value_is_refused_under_every_name(name: str) -> None:
    """Aliases and names with a prefix are checked as well."""
    assert value_problems({name: 0})


def test_an_unknown_precision_is_refused() -> None:
    """A misspelt bf16 would silently train in 32 bit, several times slower."""
    with pytest.raises(UserError):
        split_parameters({"precision": "bf-16"})


def test_a_name_of_both_classes_has_a_kind_with_its_prefix() -> None:
    """With the prefix it is a generation parameter."""
    assert parameter_kinds()["generation.use_cache"] == "generation"


def test_a_whole_number_written_as_a_float_is_converted() -> None:
    """YAML and 1e4 give floats, which batch sizes and vocabularies cannot be."""
    config = {"per_device_train_batch_size": 16.0, "num_beams": 4.0, "vocabulary": 1e4}
    settings = split_parameters(config)
    for value, whole in (
        (settings.training["per_device_train_batch_size"], 16),
        (settings.generation["num_beams"], 4),
        (settings.extra["vocabulary"], 10_000),
    ):
        assert (value, type(value)) == (whole, int)
    assert settings.value("vocabulary") == 10_000
    assert settings.value("learning_rate") is None
