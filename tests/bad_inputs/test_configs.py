"""Malformed files for --config, kotune's own and other programs': file and key are named, and nothing is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_inputs.cases import Bad


def _config(text: str | bytes, *says: str, space: str = "kobart") -> Bad:
    return Bad(f"tune {space} --config config.yaml", ("config.yaml", *says), {"config.yaml": text})


def _a_folder(folder: Path) -> None:
    (folder / "config.yaml").mkdir()


def _a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "config.yaml")


def _a_circle(folder: Path) -> None:
    (folder / "config.yaml").symlink_to("config.yaml")


#: What is wrong -> the input.
CASES = {
    "nowhere": Bad("tune kobart --config nowhere.yaml", ("--config nowhere.yaml cannot be read: No such file",)),
    "a folder": Bad(
        "tune kobart --config config.yaml", ("--config config.yaml cannot be read: Is a directory",), damage=_a_folder
    ),
    "a pipe": Bad(
        "tune kobart --config config.yaml", ("config.yaml cannot be read: it is no regular file",), damage=_a_pipe
    ),
    "a link to itself": Bad("tune kobart --config config.yaml", ("--config config.yaml",), damage=_a_circle),
    "a name without end": Bad(f"tune kobart --config {'가' * 300}", ("--config", "cannot be read: File name too long")),
    "an empty name": Bad("tune kobart --config ''", ("--config",)),
    "a list": _config("- a\n", "is no mapping"),
    "a number": _config("3\n", "is no mapping"),
    "no YAML": _config("a: [\n", "line 2"),
    "tabs": _config("a:\n\tb: 1\n", "line 2"),
    "a key twice": _config("seed: 1\nseed: 2\n", "line 2", "duplicate key 'seed'"),
    "invalid UTF-8": _config(b"model: \xff\xfe\n", "config.yaml"),
    "UTF-16 without a BOM": _config("model: scratch:tiny\n".encode("utf-16-le"), "config.yaml"),
    "a tag of Python": _config("model: !!python/name:os.system\n", "line 1"),
    "JSON that is cut": _config('{"model": "scratch:tiny", ', "line"),
    "an unknown key": _config("modell: scratch:tiny\n", "unknown key 'modell'", "did you mean 'model'?"),
    "an unknown key in a section": _config("budget: {trails: 3}\n", "unknown key 'budget.trails'"),
    "a text for a section": _config("budget: long\n", "budget is 'long'"),
    "an unknown parameter": _config("fixed: {lerning_rate: 0.1}\n", "unknown parameter 'lerning_rate'"),
    "a default for what is not searched": _config("search: {weight_decay: {default: 0.1}}\n", "search.weight_decay"),
    "a default outside the space's range": _config("search: {num_beams: {default: 900}}\n", "900"),
    "a range upside down": _config("search: {num_beams: {int: [8, 1]}}\n", "above the upper bound"),
    "a list for a parameter": _config("fixed: {learning_rate: [1, 2]}\n", "learning_rate"),
    # the baseline's file in sections
    "baseline: an unknown section": _config("general: {}\ntrainig: {}\n", "unknown key 'trainig'"),
    "baseline: an unknown key": _config("training: {lerning_rate: 0.1}\n", "training: unknown key 'lerning_rate'"),
    "baseline: a key of another section": _config(
        "training: {}\ngeneral: {learning_rate: 0.1}\n", "write it as training.learning_rate"
    ),
    "baseline: a text for a section": _config("training: long\n", "training is 'long'"),
    "baseline: a list for a section": _config("training: [fp16]\n", "training is ['fp16']"),
    "baseline: a word for a number": _config(
        "training: {num_train_epochs: many}\n", "training.num_train_epochs is 'many'"
    ),
    "baseline: a word for a flag": _config("training: {fp16: perhaps}\n", "training.fp16 is 'perhaps'"),
    "baseline: a mapping for a number": _config("training: {learning_rate: {a: 1}}\n", "training.learning_rate"),
    "baseline: NaN": _config("training: {learning_rate: .nan}\n", "training.learning_rate is nan"),
    "baseline: a number for a model": _config("general: {model_name: 3}\n", "general.model_name is 3"),
    "baseline: two lengths of warm-up": _config(
        "training: {warmup_ratio: 0.1, warmup_steps: 10}\n", "warmup_ratio", "warmup_steps"
    ),
    "baseline: an unknown optimizer": _config("training: {optim: adamw_trch}\n", "adamw_trch"),
    "baseline: special tokens of numbers": _config(
        "tokenizer: {special_tokens: {additional_special_tokens: [1]}}\n", "tokenizer.special_tokens"
    ),
    "baseline: no beams": _config("inference: {num_beams: 0}\n", "num_beams"),
    # a flat experiment file
    "flat: an unknown key": _config("epochs: 3\nbatchsize: 8\n", "unknown key 'batchsize'", space="rnn"),
    "flat: a word for epochs": _config("epochs: many\n", "epochs is 'many'", space="rnn"),
    "flat: no epochs": _config("epochs: 0\n", "epochs", space="rnn"),
    "flat: a learning rate of NaN": _config("learning_rate: .nan\n", "learning_rate is nan", space="rnn"),
    "flat: a list for a batch": _config("epochs: 1\nbatch_size: [8]\n", "batch_size is [8]", space="rnn"),
    "flat: two names for one thing": _config(
        "epochs: 3\nnum_train_epochs: 4\n", "epochs", "num_train_epochs", space="rnn"
    ),
    "flat: an unknown key of a section": _config("epochs: 3\nwandb: {projct: a}\n", "projct", space="rnn"),
    "train: an unknown key": Bad(
        "train rnn --config config.yaml", ("config.yaml", "unknown key 'modell'"), {"config.yaml": "modell: a\n"}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_config_is_refused(name: str, refused: Callable[[Bad], str]) -> None:
    """The message names the file, and the line or the key."""
    refused(CASES[name])
