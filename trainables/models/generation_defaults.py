"""Decoding parameters that a model brings along, in `generation_config.json` or in an old `config.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from transformers import GenerationConfig

from foundation.errors import UserError, first_line
from trainables.models.transformers_internals import default_generation_parameters
from trainables.text.decoding import check_lengths, decoding_config

#: Fields that do not change which text is generated.
_WITHOUT_EFFECT = ("use_cache", "transformers_version", "return_dict_in_generate", "max_length", "max_new_tokens")


def load_generation_config(model: str) -> GenerationConfig:
    """Loads the generation config of a hub id or a folder, as transformers does with its weights."""
    try:
        return GenerationConfig.from_pretrained(model)
    except OSError:  # models from before generation_config.json
        return GenerationConfig.from_pretrained(model, config_file_name="config.json")


def inherited_remarks(model: str, base: GenerationConfig, trials: Iterable[Mapping[str, Any]]) -> list[str]:
    """Returns a line on what a model's own generation config adds to the decoding parameters of trials.

    Args:
        trials: the decoding parameters of each trial that is tried.

    Raises:
        UserError: the two do not fit together.
    """
    inherited: dict[str, Any] = {}
    for decoding in trials:
        try:
            config = decoding_config(base, decoding)
        except ValueError as error:
            problem = f"the generation settings of model {model!r} do not fit the space: {first_line(error)}"
            allowed = "values that fit together, of the model's generation_config.json and of the space"
            raise UserError(problem, allowed, "set what the message names: --set NAME=VALUE") from error
        check_lengths(config, f" (model {model!r} and the space)")
        inherited |= {name: value for name, value in _effective(config).items() if name not in decoding}
    if not inherited:
        return []
    values = ", ".join(f"{name} {value}" for name, value in inherited.items())
    return [f"the model's own generation settings apply: {values}; --set NAME=VALUE changes them"]


def _effective(config: GenerationConfig) -> Mapping[str, Any]:
    """Returns the fields that make generation differ from transformers' defaults."""
    defaults = default_generation_parameters()
    names = (
        name
        for name in vars(GenerationConfig())
        if not name.startswith(("_", "output_")) and not name.endswith("_token_id") and name not in _WITHOUT_EFFECT
    )
    values = {name: getattr(config, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None and value != defaults.get(name)}
