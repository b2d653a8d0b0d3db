"""Private points of transformers that kotune depends on: the single adapter for all packages.

Each function wraps one attribute or behaviour that transformers does not document. An upgrade may change any of them,
so each has a test of the same name in `tests/trainables/models/test_transformers_internals.py`.
"""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, PreTrainedModel


def source_of_config(config: Any) -> str:
    """Returns the hub id or the folder that a configuration was loaded from."""
    return str(config._name_or_path)


def default_generation_parameters() -> dict[str, Any]:
    """Returns every field of `GenerationConfig` with the value that generation uses if it is not set."""
    defaults: dict[str, Any] = GenerationConfig()._get_default_generation_params()
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


def is_missing_safetensors_error(error: BaseException) -> bool:
    """Returns whether transformers raised `error` because a repository on the hub has no weights in safetensors.

    transformers has no exception class for it; only the text of the OSError tells.
    """
    return isinstance(error, OSError) and "cannot be loaded with `safetensors`" in str(error)
