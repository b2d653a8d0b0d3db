"""Private points of transformers that kotune depends on: the single adapter for all packages.

Each function wraps one attribute or behaviour that transformers does not document. An upgrade may change any of them,
so each has a test of the same name in `tests/trainables/models/test_transformers_internals.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import GenerationConfig, PreTrainedModel

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments


def source_of_config(config: Any) -> str:
    """Returns the hub id or the folder that a configuration was loaded from."""
    return str(config._name_or_path)


def default_generation_parameters() -> Mapping[str, Any]:
    """Returns every field of `GenerationConfig` with the value that generation uses if it is not set."""
    defaults: Mapping[str, Any] = GenerationConfig()._get_default_generation_params()
    return defaults


def weights_tied_by_config(model: PreTrainedModel) -> list[str]:
    """Returns the names of the weights that the model's configuration ties to another weight."""
    return list(model.get_expanded_tied_weights_keys(all_submodels=True))


def tied_weights(model: PreTrainedModel) -> list[str]:
    """Returns the names of the weights that are tied to another weight in this model."""
    return list(model.all_tied_weights_keys)


def forget_tie(model: PreTrainedModel, name: str) -> None:
    """Removes a weight from the model's list of tied weights, so that saving and resizing treat it as its own."""
    model.all_tied_weights_keys.pop(name, None)


def is_remote_code_error(error: BaseException) -> bool:
    """Returns whether transformers raised `error` because a model needs `trust_remote_code=True`.

    transformers has no exception class for it; only the text of the ValueError tells.
    """
    return isinstance(error, ValueError) and "trust_remote_code" in str(error)


def is_unsupported_type_error(error: BaseException) -> bool:
    """Returns whether an auto class raised `error` because it has no model for the type of a configuration.

    transformers has no exception class for it; only the text of the ValueError tells.
    """
    return isinstance(error, ValueError) and str(error).startswith("Unrecognized configuration class")


def is_missing_safetensors_error(error: BaseException) -> bool:
    """Returns whether transformers raised `error` because a repository on the hub has no weights in safetensors.

    transformers has no exception class for it; only the text of the OSError tells.
    """
    return isinstance(error, OSError) and "cannot be loaded with `safetensors`" in str(error)


def use_one_gpu(arguments: TrainingArguments) -> None:
    """Keeps `Trainer` from wrapping the model in DataParallel, which it does if it sees several GPUs."""
    arguments._n_gpu = min(arguments.n_gpu, 1)


def save_model(trainer: Trainer, folder: Path) -> None:
    """Writes the model. `save_model` without `_internal_call` would also push it to the hub."""
    trainer.save_model(str(folder), _internal_call=True)


def save_training_state(trainer: Trainer, folder: Path) -> None:
    """Writes optimizer, learning rate scheduler, gradient scaler and random state, which `Trainer.train` resumes from.

    `Trainer` writes them only as a part of `_save_checkpoint`, which chooses the folder itself.
    """
    trainer._save_optimizer_and_scheduler(str(folder))
    trainer._save_scaler(str(folder))
    trainer._save_rng_state(str(folder))
