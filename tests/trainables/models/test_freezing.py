"""Freezing: the depth of each parameter, and which parameters are no longer trained."""

from __future__ import annotations

import pytest
from transformers import BertForSequenceClassification, T5ForConditionalGeneration

from foundation.errors import UserError
from trainables.models.freezing import freeze, layer_depths


def test_depths_count_from_the_embeddings() -> None:
    """0 for embeddings, n + 1 for layer n, one more above all layers; each stack is counted separately."""
    names = [
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.0.a",
        "bert.encoder.layer.1.a",
        "classifier.w",
    ]
    assert list(layer_depths(names).values()) == [(0, 3), (1, 3), (2, 3), (3, 3)]
    both = layer_depths(
        ["shared.weight", "encoder.block.0.w", "encoder.block.1.w", "decoder.block.2.w", "lm_head.weight"]
    )
    assert list(both.values()) == [(0, 4), (1, 3), (2, 3), (3, 4), (4, 4)]


def test_frozen_layers_do_not_train(bert: BertForSequenceClassification) -> None:
    """The embeddings and the first layer are frozen; the second, the pooler and the head are trained."""
    freeze(bert, 1)
    frozen = {name for name, parameter in bert.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in bert.named_parameters() if "embeddings" in name or "encoder.layer.0." in name}
    assert frozen


def test_only_the_encoder_of_two_stacks_is_frozen(t5: T5ForConditionalGeneration) -> None:
    """The whole decoder is trained; the shared embedding is frozen with the encoder."""
    freeze(t5, 2)
    trained = {name for name, parameter in t5.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("encoder.block", "shared")) for name in trained)
    assert {name.split(".")[2] for name in trained if name.startswith("decoder.block")} == {"0", "1", "2"}


def test_freezing_nothing_or_too_much(bert: BertForSequenceClassification) -> None:
    """0 freezes nothing; more layers than the model has is an error that states their number."""
    freeze(bert, 0)
    assert all(parameter.requires_grad for parameter in bert.parameters())
    with pytest.raises(UserError, match="freeze_layers: 3") as caught:
        freeze(bert, 3)
    assert caught.value.allowed == "0 to 2: the model has 2 layers"
