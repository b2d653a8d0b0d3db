"""Configuration files of other programs: every key is translated, and every mistake is reported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foundation.checked_yaml import load_yaml
from foundation.errors import UserError, UserErrors
from search_spaces import baseline_keys
from search_spaces.baseline_configs import TranslatedKey, format_lines, is_baseline, translate
from search_spaces.draft import from_dict
from search_spaces.resolve import list_spaces, load_space

BASELINE = """
general:
  data_path: ../data/
  model_name: digit82/kobart-summarization
  output_dir: ./
inference:
  batch_size: 32
  ckt_path: model ckt path
  early_stopping: true
  generate_max_length: 100
  no_repeat_ngram_size: 2
  num_beams: 4
  remove_tokens: [<usr>, <s>, </s>, <pad>]
  result_path: ./prediction/
tokenizer:
  bos_token: <s>
  decoder_max_len: 100
  encoder_max_len: 512
  eos_token: </s>
  special_tokens: ['#Person1#', '#Person2#', '#Person3#', '#PhoneNumber#']
training:
  do_eval: true
  do_train: true
  early_stopping_patience: 3
  early_stopping_threshold: 0.001
  evaluation_strategy: epoch
  fp16: true
  generation_max_length: 100
  gradient_accumulation_steps: 1
  learning_rate: 1.0e-05
  load_best_model_at_end: true
  logging_dir: ./logs
  logging_strategy: epoch
  lr_scheduler_type: cosine
  num_train_epochs: 20
  optim: adamw_torch
  overwrite_output_dir: true
  per_device_eval_batch_size: 32
  per_device_train_batch_size: 50
  predict_with_generate: true
  report_to: wandb
  save_strategy: epoch
  save_total_limit: 5
  seed: 42
  warmup_ratio: 0.1
  weight_decay: 0.01
wandb:
  entity: my-team
  name: first-try
  project: dialogues
"""
NOTHING = {
    *("general.output_dir", "inference.batch_size", "inference.ckt_path", "inference.result_path"),
    *("tokenizer.bos_token", "tokenizer.eos_token", "training.do_eval", "training.do_train"),
    *("training.load_best_model_at_end", "training.logging_dir", "training.logging_strategy"),
    *("training.overwrite_output_dir", "training.predict_with_generate", "training.save_strategy"),
}
SEARCHES = ("learning_rate", "warmup_ratio", "num_beams")


def baseline(**changes: Any) -> dict[str, Any]:
    """The baseline's file with keys changed or added, `training__fp16=…`."""
    mapping: dict[str, Any] = load_yaml(BASELINE, "config.yaml")
    for name, value in changes.items():
        section, _, key = name.partition("__")
        mapping[section][key] = value
    return mapping


def translations(mapping: dict[str, Any], **more: Any) -> dict[str, TranslatedKey]:
    """The translation of each key."""
    return {item.key: item for item in translate(mapping, "config.yaml", **more)[1]}


def problems(mapping: dict[str, Any], **more: Any) -> list[UserError]:
    """The problems of a file, one error each."""
    with pytest.raises(UserError) as caught:
        translate(mapping, "config.yaml", **more)
    return caught.value.problems if isinstance(caught.value, UserErrors) else [caught.value]


def test_the_baseline_file_is_translated() -> None:
    """Values of searched parameters are defaults; all others are fixed or keys of the space."""
    assert translate(baseline(), "config.yaml", SEARCHES)[0] == {
        "data": {"train": "../data/train.csv", "dev": "../data/dev.csv"},
        "model": "digit82/kobart-summarization",
        "remove_tokens": ["<usr>", "<s>", "</s>", "<pad>"],
        "max_source_length": 512,
        "max_target_length": 100,
        "special_tokens": ["#Person1#", "#Person2#", "#Person3#", "#PhoneNumber#"],
        "eval_every": 1,
        "seed": 42,
        "checkpoints": {"keep_best": 5},
        "tracking": "wandb",
        "wandb": {"entity": "my-team", "project": "dialogues", "tags": ["first-try"]},
        "defaults": {"num_beams": 4, "learning_rate": 1e-5, "warmup_ratio": 0.1},
        "fixed": {
            "early_stopping": True,
            "max_length": 100,
            "no_repeat_ngram_size": 2,
            "early_stopping_patience": 3,
            "early_stopping_threshold": 0.001,
            "fp16": True,
            "gradient_accumulation_steps": 1,
            "lr_scheduler_type": "cosine",
            "num_train_epochs": 20,
            "optim": "adamw_torch",
            "per_device_eval_batch_size": 32,
            "per_device_train_batch_size": 50,
            "weight_decay": 0.01,
        },
    }


def test_every_key_is_reported_in_order() -> None:
    """No key is omitted, and an ignored key has a note about what happens instead."""
    items = translate(baseline(), "config.yaml", SEARCHES)[1]
    assert [item.key for item in items] == [f"{top}.{key}" for top, keys in baseline().items() for key in keys]
    assert {item.key for item in items if item.translation == "nothing"} == NOTHING
    assert all(item.note for item in items if item.translation == "nothing")


def test_the_translated_baseline_is_a_valid_space() -> None:
    """Every value passes the readers of the schema, from JSON as from YAML."""
    result, _ = translate(json.loads(json.dumps(baseline())), "config.json")
    space = from_dict(result, "config.json")
    assert (space.fixed["learning_rate"], space.seed) == (1e-5, 42)


def test_there_are_rules_for_every_section() -> None:
    """A rule in any other section would be unused."""
    nested = {"training.optimization", "training.scheduler", "test"}
    assert baseline_keys.BASELINE.keys() == baseline().keys() | nested
    for section, keys in baseline().items():
        assert baseline_keys.BASELINE[section].keys() >= keys.keys()


def test_without_a_search_nothing_is_a_default() -> None:
    """A parameter that the space does not search is fixed."""
    result = translate(baseline(), "config.yaml")[0]
    assert "defaults" not in result
    assert result["fixed"]["num_beams"] == 4


def test_lines_are_aligned() -> None:
    """In three columns; a line without a note ends after the second."""
    items = [
        TranslatedKey("training.evaluation_strategy", "eval_every: 1", "eval_steps sets another interval"),
        TranslatedKey("a", "b"),
    ]
    assert format_lines(items) == [
        "training.evaluation_strategy  ->  eval_every: 1   (eval_steps sets another interval)",
        "a                             ->  b",
    ]
    assert format_lines([]) == []


def test_values_are_shown_as_users_write_them() -> None:
    """Booleans in lower case, whole numbers without a decimal point, long lists truncated."""
    shown = translations(baseline(), searches=SEARCHES)
    assert [shown[f"training.{key}"].translation for key in ("fp16", "num_train_epochs", "learning_rate")] == [
        "fixed.fp16: true",
        "fixed.num_train_epochs: 20",
        "default of search.learning_rate: 1e-05",
    ]
    assert shown["tokenizer.special_tokens"].translation == "special_tokens: #Person1#, #Person2#, #Person3#, … (4)"
    assert shown["training.evaluation_strategy"].translation == "eval_every: 1"


def test_an_empty_key_keeps_the_value_of_the_space() -> None:
    """`entity:` without a value is allowed, and so is a section that has only comments."""
    result, items = translate({**baseline(wandb__entity=None), "inference": None}, "config.yaml")
    assert "entity" not in result["wandb"]
    assert TranslatedKey("wandb.entity", "nothing", "no value") in items
    assert not [item for item in items if item.key.startswith("inference")]


def test_an_unknown_key_lists_the_keys_of_its_section() -> None:
    """And not those of other sections."""
    (problem,) = problems(baseline(wandb__tag=["a"]))
    assert problem.allowed == "entity, mode, name, project, tags"


def test_all_mistakes_are_reported_at_once() -> None:
    """So that one run is enough to find them all."""
    mapping = {**baseline(training__fp16="yes", wandb__tag="a"), "trainings": {}, "seed": 1, "inference": "fast"}
    assert [problem.problem for problem in problems(mapping)] == [
        "config.yaml: inference is 'fast'",
        "config.yaml: training.fp16 is 'yes'",
        "config.yaml: wandb: unknown key 'tag'",
        "config.yaml: unknown key 'trainings'",
        "config.yaml: training.seed is 42 and seed is 1",
    ]
    todo = [problem.todo for problem in problems(mapping)]
    assert todo[3:] == ["did you mean 'training'?", "remove training.seed or seed"]


def test_two_lengths_must_agree() -> None:
    """Generation has one length; two equal ones are allowed."""
    (problem,) = problems(baseline(inference__generate_max_length=64))
    assert problem.problem == (
        "config.yaml: inference.generate_max_length is 64 and training.generation_max_length is 100"
    )
    assert problem.todo == "remove inference.generate_max_length or training.generation_max_length"


@pytest.mark.parametrize(
    ("mapping", "foreign"),
    [
        (load_yaml(BASELINE, "x"), True),
        ({"lr": 1e-4, "model": "b", "wandb": {}}, True),
        ({"tokenizer": {"encoder_max_len": 512}}, True),
        ({"training": "fast"}, True),
        ({"epochs": 3}, True),
        ({"tokenizer": "a/folder", "model": "b", "seed": 1, "metric": "loss"}, False),
        ({"wandb": {"project": "a"}, "data": {"train": "b"}}, False),
        ({"learning_rate": 1e-4, "search": {}}, False),
        ({"learning_rat": 1e-4}, False),
        ({}, False),
    ],
)
def test_foreign_files_are_recognized(mapping: dict[str, Any], foreign: bool) -> None:
    """A search space with a misplaced parameter is not foreign, so that its own error is shown."""
    assert is_baseline(mapping) is foreign


@pytest.mark.parametrize("name", list_spaces())
def test_no_shipped_space_is_foreign(name: str) -> None:
    """No key of a search space is mistaken for a foreign one."""
    raw, where = load_space(name)
    assert not is_baseline(raw)
    assert not is_baseline({key: value for key, value in from_dict(
        {key: value for key, value in raw.items() if key != "embedded"}, where
    ).to_dict().items() if key not in ("fixed", "search")})  # fmt: skip
