"""The configuration file of a regression trainer, with nested sections and torch's names; names in sections."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from transformers import Seq2SeqTrainingArguments

from delivery.sessions.space_options import resolve_space
from foundation.checked_yaml import load_yaml
from foundation.errors import UserError, UserErrors
from search_spaces.baseline_configs import translate
from search_spaces.baseline_keys import FLAT
from search_spaces.names import FAMILIAR
from search_spaces.ranges import ends
from trainables.training.parameter_names import RESERVED
from trainables.training.parameters import parameter_kinds

#: What a trainer for sentence similarity writes, with torch's names.
REGRESSION = """
model_name: klue/roberta-small
training:
  batch_size: 16
  max_epoch: 20
  shuffle: true
  learning_rate: 2e-5
  train_path: ./data/train.csv
  loss: MSELoss
  optimization: {name: AdamW, weight_decay: 0.01}
  scheduler: {name: ReduceLROnPlateau, patience: 5, factor: 0.3}
test:
  dev_path: ./data/dev.csv
  test_path: ./data/dev.csv
  predict_path: ./data/test.csv
"""

KINDS = {
    **dict.fromkeys(("label_smoothing_factor", "dataloader_num_workers", "max_grad_norm", "adam_epsilon"), "training"),
    **dict.fromkeys(("freeze_layers", "vocabulary"), "extra"),
    **dict.fromkeys(FAMILIAR, "alias"),
    "length_penalty": "generation",
}


def test_the_file_of_a_regression_trainer_is_translated() -> None:
    """Losses, optimizers and schedulers have torch's names; the order of the report is that of the file."""
    result, items = translate(load_yaml(REGRESSION, "config.yaml"), "config.yaml", ["learning_rate"], KINDS)
    assert result == {
        "model": "klue/roberta-small",
        "data": {"train": "./data/train.csv", "dev": "./data/dev.csv", "test": "./data/dev.csv"},
        "defaults": {"learning_rate": 2e-5},
        "fixed": {
            "per_device_train_batch_size": 16,
            "num_train_epochs": 20,
            "regression_loss": "mse",
            "optim": "adamw_torch",
            "weight_decay": 0.01,
            "lr_scheduler_type": "reduce_lr_on_plateau",
            "lr_scheduler_kwargs": {"patience": 5, "factor": 0.3},
        },
    }
    assert [items[0].key, items[-1].key] == ["model_name", "test.predict_path"]
    assert "fixed.lr_scheduler_kwargs: {patience: 5}" in [item.translation for item in items]


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("label_smoothing_factor", "label_smoothing_factor"),
        ("dataloader_num_workers", "dataloader_num_workers"),
        ("freeze_layers", "freeze_layers"),
        ("batch_size", "per_device_train_batch_size"),
    ],
)
def test_a_section_may_have_the_parameters_of_its_kind(key: str, target: str) -> None:
    """With their own and with familiar names; those of other kinds are refused."""
    assert translate({"training": {key: 2}}, "x", parameters=KINDS)[0] == {"fixed": {target: 2}}
    assert translate({"inference": {"length_penalty": 2}}, "x", parameters=KINDS)[0] == {"fixed": {"length_penalty": 2}}
    with pytest.raises(UserError, match=f"unknown key '{key}'"):
        translate({"wandb": {key: 2}, "general": {}}, "x", parameters=KINDS)
    with pytest.raises(UserError, match="unknown key 'length_penalty'"):
        translate({"training": {"length_penalty": 2}}, "x", parameters=KINDS)


def test_an_unknown_key_has_at_most_five_near_names() -> None:
    """Hundreds of names would hide the message."""
    mapping = {"learning_rat": 1, "training": {"label_smothing": 1, "zzz": 1}}
    with pytest.raises(UserErrors) as caught:
        translate(mapping, "config.yaml", parameters=KINDS)
    assert len(caught.value.problems) == 3
    assert all(problem.allowed.count(",") <= 4 for problem in caught.value.problems)


def test_it_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tune sts --config` reads its relative paths from the folder of the file, wherever the command runs."""
    (tmp_path / "there").mkdir()
    file = tmp_path / "there" / "config.yaml"
    file.write_text(REGRESSION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    space = resolve_space("sts", {}, [], [], Path("there/config.yaml"))
    assert [space.data.train, space.data.dev] == ["there/data/train.csv", "there/data/dev.csv"]
    assert (space.model, space.search["lr_scheduler_type"].default) == ("klue/roberta-small", "reduce_lr_on_plateau")
    assert not space.data.embedded


def test_every_name_works_on_the_command_line_too() -> None:
    """As in a file: familiar names of parameters, and settings of other programs."""
    sets = ["epochs=2", "batch_size=8", "use_wandb=no", "wandb.name=a", "save_total_limit=2", "train_file=a.tsv"]
    space = resolve_space("cnn", {}, sets, ["lr=log:1e-5:1e-4"], None)
    assert {"num_train_epochs": 2, "per_device_train_batch_size": 8}.items() <= space.fixed.items()
    assert ends(space.search["learning_rate"])[:2] == (1e-5, 1e-4)
    assert (space.wandb.mode, space.wandb.tags, space.checkpoints.keep_best) == ("disabled", ("a",), 2)
    assert (space.data.train, space.data.embedded) == ("a.tsv", False)


@pytest.mark.parametrize(
    ("option", "todo"),
    [("output_dir=x", "--storage"), ("loss=L2", "loss=MSELoss"), ("batchsize=8", "did you mean 'batch_size'?")],
)
def test_a_name_without_effect_is_refused(option: str, todo: str) -> None:
    """With what takes its place."""
    with pytest.raises(UserError) as caught:
        resolve_space("cnn", {}, [option], [], None)
    assert todo in caught.value.todo


@pytest.mark.parametrize("option", ["wandb.mode=off", "scheduler.name=no", "data.quoting=off"])
def test_a_bare_off_is_the_option_that_switches_off(option: str) -> None:
    """YAML reads it as false."""
    space = resolve_space("cnn", {}, [option], [], None)
    section, _, key = option.partition("=")[0].partition(".")
    assert getattr(getattr(space, section), key) in ("disabled", "none")


FIELDS = [field.name for field in dataclasses.fields(Seq2SeqTrainingArguments) if field.init]


@pytest.mark.parametrize("name", sorted({*FIELDS, "no_cuda"}))
def test_every_field_of_the_training_arguments_is_accepted_or_explained(name: str) -> None:
    """A refused field names what takes its place; no hint leads to another setting."""
    if name not in RESERVED:
        assert name in parameter_kinds()
        return
    with pytest.raises(UserError) as caught:
        resolve_space("kobart", {}, [f"{name}=[x]"], [], None)
    if name not in FLAT:
        assert caught.value.todo == RESERVED[name]
    assert "did you mean" not in caught.value.todo
