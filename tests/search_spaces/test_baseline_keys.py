"""Single keys of foreign files, their values, and the names of flat experiment files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foundation.checked_yaml import load_yaml
from foundation.errors import UserError, UserErrors
from search_spaces.baseline_configs import TranslatedKey, translate
from search_spaces.draft import from_dict

EXPERIMENT: dict[str, Any] = {
    "model": "gogamza/kobart-base-v2",
    "train_file": "train.csv",
    "validation_file": "valid.csv",
    "test_file": "test.csv",
    "epochs": 20,
    "batch_size": 50,
    "lr": "1e-5",
    "weight_decay": 0.01,
    "warmup_steps": 500,
    "num_checkpoints": 3,
    "logging_steps": 100,
    "num_beams": 4,
    "max_length": 100,
    "metric": "rouge_sum",
    "use_wandb": True,
    "wandb_project": "dialogues",
    "wandb_entity": "my-team",
    "wandb_run_name": "first-try",
    "wandb_tags": ["kobart"],
    "seed": 7,
    "output_dir": "out",
    "debug": False,
}
SEARCHES = ("learning_rate", "warmup_ratio", "num_beams")


def translations(mapping: dict[str, Any], **more: Any) -> dict[str, TranslatedKey]:
    """The translation of each key."""
    return {item.key: item for item in translate(mapping, "config.yaml", **more)[1]}


def problems(mapping: dict[str, Any], **more: Any) -> list[UserError]:
    """The problems of a file, one error each."""
    with pytest.raises(UserError) as caught:
        translate(mapping, "config.yaml", **more)
    return caught.value.problems if isinstance(caught.value, UserErrors) else [caught.value]


@pytest.mark.parametrize(
    ("key", "value", "problem", "todo"),
    [
        ("training.do_train", False, "training.do_train is False", "a search trains"),
        ("training.do_eval", False, "training.do_eval is False", "compared by evaluations"),
        ("training.predict_with_generate", False, "training.predict_with_generate is False", "scores need"),
        ("training.evaluation_strategy", "no", "training.evaluation_strategy is 'no'", "eval_every"),
        ("training.evaluation_strategy", False, "training.evaluation_strategy is False", "eval_every"),
        ("training.learning_rate", "fast", "training.learning_rate is 'fast'", "learning_rate: "),
        ("training.num_train_epochs", 0, "training.num_train_epochs is 0", "num_train_epochs: "),
        ("training.seed", -1, "training.seed is -1", "seed: "),
        ("training.fp16", "true", "training.fp16 is 'true'", "fp16: true"),
        ("training.save_strategy", "epochs", "training.save_strategy is 'epochs'", "'epoch'"),
        ("training.report_to", "mlflow", "training.report_to is 'mlflow'", "report_to: tensorboard"),
        ("inference.early_stopping", "always", "inference.early_stopping is 'always'", "early_stopping: "),
        ("inference.num_beams", 2.5, "inference.num_beams is 2.5", "num_beams: 1"),
        ("wandb.name", 7, "wandb.name is 7", "name: "),
        ("training.learning_rat", 1, "training: unknown key 'learning_rat'", "'learning_rate'"),
        ("wandb.color", "red", "wandb: unknown key 'color'", "remove the key"),
        ("training.loss", "BCELoss", "training.loss is 'BCELoss'", "loss: MSELoss"),
        ("training.shuffle", False, "training.shuffle is False", "always shuffled"),
        ("training.num_beams", 4, "training: unknown key 'num_beams'", "inference.num_beams"),
    ],
)
def test_one_mistake_is_one_error(key: str, value: object, problem: str, todo: str) -> None:
    """With the file, the section, the key, what is allowed, and what to do."""
    section, _, name = key.partition(".")
    (error,) = problems({"general": {}, section: {name: value}})
    assert error.problem.startswith(f"config.yaml: {problem}")
    assert todo in error.todo
    assert error.allowed


def test_the_loss_of_a_classification_file_is_explained() -> None:
    """It is no loss of a regression, and needs no key."""
    (problem,) = problems({"training": {"loss": "CrossEntropyLoss"}})
    assert "other tasks have one loss, and no such key" in problem.allowed


def test_special_tokens_may_be_nested() -> None:
    """Under the tokenizer's own key, and under no other."""
    nested = {"special_tokens": {"additional_special_tokens": ["#Person1#"]}}
    assert translate({"tokenizer": nested}, "x")[0] == {"special_tokens": ["#Person1#"]}
    (problem,) = problems({"tokenizer": {"special_tokens": {"more": ["#Person1#"]}}})
    assert "additional_special_tokens" in problem.allowed


def test_batch_sizes_of_inference_and_evaluation_may_differ() -> None:
    """The batch size of inference applies to `predict` only."""
    mapping = {"inference": {"batch_size": 8}, "training": {"per_device_eval_batch_size": 32}}
    assert translate(mapping, "x")[0] == {"fixed": {"per_device_eval_batch_size": 32}}
    assert "predict --batch-size" in translations(mapping)["inference.batch_size"].note


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("none", {"tracking": "none", "wandb": {"mode": "disabled"}}),
        ([], {"tracking": "none", "wandb": {"mode": "disabled"}}),
        (["wandb"], {"tracking": "wandb"}),
        ("tensorboard", {"tracking": "tensorboard", "wandb": {"mode": "disabled"}}),
        (["tensorboard", "wandb"], {"tracking": "both"}),
        ("all", {"tracking": "both"}),
    ],
)
def test_report_to_chooses_the_programs(value: object, expected: dict[str, Any]) -> None:
    """A name or a list, as in transformers. W&B is off where it is not named, also in a space that sets its mode.

    Where it is named, an earlier `wandb.mode: offline` stays: nothing goes online that was offline.
    """
    assert translate({"training": {"report_to": value}}, "x")[0] == expected
    assert translate({"report_to": value}, "x")[0] == expected


def test_wandb_may_be_named_and_offline() -> None:
    """The two keys do not contradict each other."""
    raw = translate({"report_to": "wandb", "wandb": {"mode": "offline"}}, "x")[0]
    assert raw == {"tracking": "wandb", "wandb": {"mode": "offline"}}


def test_a_file_for_the_trainer_of_transformers() -> None:
    """Its usual keys have the same meaning as in `--set`, and those without effect say what takes their place."""
    file = {"eval_strategy": "steps", "eval_steps": 3, "metric_for_best_model": "eval_loss"}
    kinds = {"eval_steps": "training"}
    assert translate(file, "x", parameters=kinds)[0] == {"fixed": {"eval_steps": 3}, "metric": "loss"}
    for mapping in ({**file, "save_steps": 3}, {"training": {"save_steps": 3}}):
        (problem,) = problems(mapping, parameters=kinds, reserved={"save_steps": "saved after evaluations"})
        assert problem.problem.endswith("save_steps cannot be set")
        assert problem.todo == "remove the key: saved after evaluations"


def test_a_bare_no_is_accepted_as_a_strategy() -> None:
    """YAML reads `save_strategy: no` as false."""
    mapping = load_yaml("training: {save_strategy: no}", "config.yaml")
    assert mapping["training"]["save_strategy"] is False
    assert translations(mapping)["training.save_strategy"].translation == "nothing"


def test_a_translated_experiment_file_is_a_valid_space() -> None:
    """Every value passes the readers of the schema, from JSON as from YAML."""
    result, _ = translate(json.loads(json.dumps(EXPERIMENT)), "config.json")
    space = from_dict(result, "config.json")
    assert (space.fixed["learning_rate"], space.seed) == (1e-5, 7)


def test_a_flat_experiment_file_is_translated() -> None:
    """With plain names; the name of the run becomes a tag."""
    result, items = translate(EXPERIMENT, "experiment.json", SEARCHES)
    assert result == {
        "model": "gogamza/kobart-base-v2",
        "metric": "rouge_sum",
        "seed": 7,
        "data": {"train": "train.csv", "dev": "valid.csv", "test": "test.csv"},
        "fixed": {
            "num_train_epochs": 20,
            "per_device_train_batch_size": 50,
            "weight_decay": 0.01,
            "warmup_steps": 500,
            "logging_steps": 100,
            "max_length": 100,
        },
        "defaults": {"learning_rate": 1e-5, "num_beams": 4},
        "checkpoints": {"keep_best": 3},
        "wandb": {"mode": "auto", "project": "dialogues", "entity": "my-team", "tags": ["first-try", "kobart"]},
    }
    assert [item.key for item in items] == list(EXPERIMENT)


def test_warmup_steps_end_the_search_of_warmup_ratio() -> None:
    """A number of steps cannot be the default of a ratio, and a note says so."""
    assert "warmup_ratio is no longer searched" in translations(EXPERIMENT, searches=SEARCHES)["warmup_steps"].note
    assert "no longer" not in translations(EXPERIMENT, searches=["warmup_steps", "warmup_ratio"])["warmup_steps"].note
    assert "no longer" not in translations(EXPERIMENT)["warmup_steps"].note


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"num_train_epochs": 5}, "epochs is 20 and num_train_epochs is 5"),
        ({"learning_rate": 1e-4}, "lr is 1e-05 and learning_rate is 0.0001"),
        ({"report_to": "none"}, "use_wandb is auto and report_to is disabled"),
        ({"warmup_ratio": 0.1}, "warmup_ratio and warmup_steps are both set"),
        ({"max_new_tokens": 64}, "max_length and max_new_tokens are both set"),
    ],
)
def test_two_names_for_one_setting_contradict(more: dict[str, Any], problem: str) -> None:
    """The message names both keys."""
    assert [error.problem for error in problems({**EXPERIMENT, **more})] == [f"config.yaml: {problem}"]


def test_two_names_with_equal_values_are_accepted() -> None:
    """Also if one is a text (1e-5 in JSON) and the other a number."""
    assert translate({"lr": "1e-5", "learning_rate": 1e-5}, "x")[0] == {"fixed": {"learning_rate": 1e-5}}


def test_a_debug_run_is_refused() -> None:
    """Instead of a full search where the user expects a few rows."""
    (problem,) = problems({**EXPERIMENT, "debug": True})
    assert "--dry-run" in problem.todo


def test_a_flat_file_may_have_any_parameter() -> None:
    """The caller passes the names of all parameters; any other name is unknown."""
    mapping = {"epochs": 3, "label_smoothing_factor": "1e-1"}
    assert (
        translate(mapping, "x", parameters={"label_smoothing_factor": "training"})[0]["fixed"]["label_smoothing_factor"]
        == 0.1
    )
    (problem,) = problems(
        {"epochs": 3, "label_smothing_factor": 0.1}, parameters={"label_smoothing_factor": "training"}
    )
    assert problem.todo == "did you mean 'label_smoothing_factor'?"
    assert [item.problem for item in problems(mapping)] == ["config.yaml: unknown key 'label_smoothing_factor'"]


def test_a_name_of_the_run_is_a_tag_in_every_file() -> None:
    """Under `wandb:` as with a plain name."""
    assert translate({"wandb": {"name": "first"}}, "x")[0] == {"wandb": {"tags": ["first"]}}
    assert translate({"epochs": 3, "wandb": {"name": "first", "mode": False}}, "x")[0]["wandb"] == {
        "tags": ["first"], "mode": "disabled"
    }  # fmt: skip


def test_a_flat_file_may_have_keys_of_a_search_space() -> None:
    """So that columns and a budget need no second file."""
    mapping = {"epochs": 3, "columns": {"source": "text"}, "budget": {"trials": 4}, "wandb": None}
    assert translate(mapping, "x")[0] == {
        "fixed": {"num_train_epochs": 3}, "columns": {"source": "text"}, "budget": {"trials": 4}
    }  # fmt: skip
    (problem,) = problems({"epochs": 3, "columns": {"sourc": "text"}})
    assert (problem.problem, problem.todo) == ("config.yaml: columns: unknown key 'sourc'", "did you mean 'source'?")
