"""Calls of a model with an encoder and a decoder: decoder inputs, encoded sources and generated tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING, GenerationConfig
from transformers.modeling_outputs import BaseModelOutput

from trainables.text.decoding import reads_the_source


def decoder_inputs(model: Any, labels: torch.Tensor) -> torch.Tensor:
    """Returns the labels shifted to the right by one, after the start token, and padded: [rows, tokens]."""
    if hasattr(model, "prepare_decoder_input_ids_from_labels"):
        shifted: torch.Tensor = model.prepare_decoder_input_ids_from_labels(labels=labels)
        return shifted
    inputs = labels.roll(1, dims=1)  # M2M100 shifts labels in its forward pass only
    inputs[:, 0] = model.config.decoder_start_token_id
    return inputs.masked_fill(inputs == -100, model.config.pad_token_id)


def encode_sources(model: Any, batch: Mapping[str, torch.Tensor]) -> Any:
    """Returns the encoder's outputs, which both the loss and generation read."""
    return model.get_encoder()(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], return_dict=True)


def generate(
    model: Any, batch: Mapping[str, torch.Tensor], encoded: Any, decoding: GenerationConfig | None
) -> list[list[int]]:
    """Returns the token ids of the best text of each row, with the start token.

    Args:
        encoded: what `encode_sources` returned, so that the encoder runs once.
        decoding: None: the model's own settings.
    """
    decoding = decoding or model.generation_config
    source = (
        {"input_ids": batch["input_ids"]}
        if reads_the_source(decoding)
        else {"encoder_outputs": BaseModelOutput(last_hidden_state=encoded.last_hidden_state)}
    )
    generated = model.generate(**source, attention_mask=batch["attention_mask"], generation_config=decoding)
    tokens = getattr(generated, "sequences", generated)  # an object with scores and more if `return_dict_in_generate`
    sequences: list[list[int]] = tokens[:: decoding.num_return_sequences or 1].tolist()
    return sequences


def decoder_problem(config: Any) -> str:
    """Returns why a model of this configuration is no encoder-decoder; empty if it is one."""
    if config.is_encoder_decoder:
        return ""
    kind = type(config)  # BERT is a causal model as well, as the decoder of a joined model
    if kind in MODEL_FOR_CAUSAL_LM_MAPPING and kind not in MODEL_FOR_MASKED_LM_MAPPING:
        return "a decoder without an encoder that reads the source"
    return "which has no decoder to generate text"
