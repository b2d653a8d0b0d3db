"""Decoding parameters of a trial in the generation config of its model."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig
from transformers.utils import logging as transformers_logging

from foundation.errors import UserError, first_line

#: Parameters that only sampling reads, from the validation of transformers -> the value for "not used".
_ONLY_SAMPLING: dict[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 50,
    "min_p": None,
    "top_h": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}


def decoding_config(base: GenerationConfig, decoding: Mapping[str, Any]) -> GenerationConfig:
    """Returns a copy of `base` with the decoding parameters of a trial.

    Fields that only beam search or only sampling reads are reset to their defaults if they would be ignored, so that an
    exported folder states only what was used.

    Raises:
        ValueError: transformers refuses the combination.
    """
    config = copy.deepcopy(base)
    for name, value in decoding.items():
        setattr(config, name, value)
    if "max_new_tokens" in decoding:
        config.max_length = None
    elif "max_length" in decoding:
        config.max_new_tokens = None
    if config.num_beams in (None, 1):
        config.early_stopping = False
        config.length_penalty = 1.0
    if config.do_sample is not True:
        for name, unused in _ONLY_SAMPLING.items():
            setattr(config, name, unused)
    config.validate(strict=True)
    return config


#: Numbers that generation allocates memory or makes steps for -> the least and the most that are allowed. The
#: parameters of trials have the same bounds (`trainables.training.parameter_names`, which imports no library).
GENERATION_BOUNDS = {
    "num_beams": (1, 1000),
    "num_return_sequences": (1, 1000),
    "max_new_tokens": (1, 1_000_000),
    "max_length": (2, 1_000_000),
}


def check_lengths(config: GenerationConfig, origin: str = "") -> None:
    """Checks that generation ends, and that no text must be longer than it may be; such a text is cut.

    Args:
        origin: where the values come from, for the message.

    Raises:
        UserError: a number is out of bounds, or the smallest length is above the largest one.
    """
    for name, (least, most) in GENERATION_BOUNDS.items():
        value = getattr(config, name)
        if value is not None and not (isinstance(value, int) and least <= value <= most):
            raise UserError(f"{name} is {value!r}{origin}", f"a whole number, {least} to {most:,}", f"--set {name}=…")
    limits = {"max_new_tokens": config.max_new_tokens, "max_length": config.max_length}
    for shortest in ("min_length", "min_new_tokens"):
        least = getattr(config, shortest)
        for longest, most in limits.items():
            if least and most and least > most:
                raise UserError(
                    f"{shortest} {least} is above {longest} {most}{origin}",
                    f"{shortest} of at most {most}",
                    f"--set {shortest}=…, or a larger {longest}",
                )


def check_decoding(decoding: Mapping[str, Any]) -> None:
    """Lets a tiny model with fresh weights generate two tokens with the decoding parameters of a trial.

    Many values pass the validation of transformers and fail in `generate`, such as texts in place of token ids.

    Raises:
        UserError: no model can use the values.
    """
    key = repr(sorted(decoding.items()))
    if key not in _ERRORS:
        _ERRORS[key] = _error_of(decoding)
    if _ERRORS[key]:
        raise UserError(_ERRORS[key], "values that generate() takes", "change the value that it names")


#: Decoding parameters that were tried in this process -> the error, or an empty text: the spaces of one command share
#: most of them.
_ERRORS: dict[str, str] = {}


def _error_of(decoding: Mapping[str, Any]) -> str:
    transformers_logging.set_verbosity_error()
    try:
        decoding_config(GenerationConfig(), decoding)
        _generate(_tiny_model(), decoding)
    except Exception as error:  # noqa: BLE001  libraries raise anything
        return first_line(error) or type(error).__name__
    return ""


def _generate(model: Any, decoding: Mapping[str, Any]) -> None:
    config = decoding_config(model.generation_config, decoding)
    config.max_new_tokens, config.max_length = 2, None
    config.min_new_tokens, config.min_length = None, 0
    source = torch.tensor([[0, 3, 4, 2], [0, 5, 2, 1]])
    model.generate(source, attention_mask=torch.ones_like(source), generation_config=config)


@cache
def _tiny_model() -> Any:
    # A vocabulary that has the token ids of every model.
    sizes: dict[str, Any] = {
        "encoder_ffn_dim": 2,
        "decoder_ffn_dim": 2,
        "encoder_attention_heads": 1,
        "decoder_attention_heads": 1,
    }
    layers: dict[str, Any] = {"encoder_layers": 1, "decoder_layers": 1}
    config = BartConfig(vocab_size=2**19, d_model=2, max_position_embeddings=16, **sizes, **layers)
    return BartForConditionalGeneration(config).eval()


def reads_the_source(decoding: GenerationConfig) -> bool:
    """Returns whether decoding reads the tokens of the source, so that the encoder's outputs alone are not enough."""
    names = ("encoder_no_repeat_ngram_size", "encoder_repetition_penalty", "prompt_lookup_num_tokens")
    return any(getattr(decoding, name, None) not in (None, 0, 1.0) for name in names)
