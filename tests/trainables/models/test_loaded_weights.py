"""A model whose weights are missing, too many, no numbers or of another type is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    RobertaConfig,
    RobertaModel,
)

from foundation.errors import UserError
from trainables.models.hub import load_model
from trainables.models.loaded_weights import Origin

Weights = dict[str, torch.Tensor]
_SIZES: Mapping[str, Any] = {
    "hidden_size": 8,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "num_hidden_layers": 2,
    "vocab_size": 20,
}


@pytest.fixture
def folder(tiny_base: Path, tmp_path: Path) -> Path:
    """A copy of an encoder-decoder."""
    return Path(shutil.copytree(tiny_base, tmp_path / "model"))


def change_weights(folder: Path, change: Callable[[Weights], Weights]) -> None:
    """Writes other weights."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})


def change_config(folder: Path, **fields: Any) -> None:
    """Writes other fields into `config.json`."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


def _not_a_number(number: float) -> Callable[[Weights], Weights]:
    def change(weights: Weights) -> Weights:
        last = max(weights)
        weights[last] = weights[last].index_put((torch.tensor([0]),), torch.tensor(number))
        return weights

    return change


def _renamed(weights: Weights) -> Weights:
    return {f"other.{name}": weight for name, weight in weights.items()}


def _without_decoder(weights: Weights) -> Weights:
    return {name: weight for name, weight in weights.items() if "decoder" not in name}


def _without_one(weights: Weights) -> Weights:
    return {name: weight for name, weight in weights.items() if name != "model.encoder.layernorm_embedding.weight"}


def _whole_numbers(weights: Weights) -> Weights:
    return {name: (10 * weight).to(torch.int8) for name, weight in weights.items()}


@pytest.mark.parametrize("origin", Origin)
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_not_a_number(float("nan")), "not finite"),
        (_not_a_number(float("-inf")), "not finite"),
        (_renamed, "lacks .* weights of a BartForConditionalGeneration, which would be random"),
        (_without_decoder, "lacks .*model.decoder"),
        (_without_one, "lacks 1 of .*: model.encoder.layernorm_embedding.weight"),
        (_whole_numbers, "is of type I8"),
    ],
)
def test_damaged_weights_are_refused(
    change: Callable[[Weights], Weights], problem: str, origin: Origin, folder: Path
) -> None:
    """transformers draws missing weights at random, and converts any type; NaN gives one class for every text."""
    load_model(str(folder), origin=origin)
    change_weights(folder, change)
    with pytest.raises(UserError, match=problem) as caught:
        load_model(str(folder), origin=origin)
    assert str(folder) in caught.value.problem
    assert caught.value.allowed
    assert caught.value.todo


def test_other_float_types_are_loaded(folder: Path) -> None:
    """Published models often have 16 bit."""
    change_weights(folder, lambda weights: {name: weight.bfloat16() for name, weight in weights.items()})
    assert load_model(str(folder), origin=Origin.OWN).dtype == torch.float32


def test_only_a_base_model_may_have_other_weights_beside_its_own(folder: Path) -> None:
    """A published model has the head of its pretraining; what kotune saved has no other weights."""
    change_weights(folder, lambda weights: {**weights, "head.weight": torch.zeros(2)})
    load_model(str(folder))
    load_model(str(folder), origin=Origin.TRAINED)
    with pytest.raises(UserError, match=r"has weights that its BartForConditionalGeneration has not: head\.weight"):
        load_model(str(folder), origin=Origin.OWN)


def test_layers_that_config_json_leaves_out_are_named(tmp_path: Path) -> None:
    """A trained model without its last layers answers, but not as it was trained."""
    BertForSequenceClassification(BertConfig(**_SIZES)).save_pretrained(tmp_path)
    change_config(tmp_path, num_hidden_layers=1)
    with pytest.raises(UserError, match=r"has not: bert\.encoder\.layer\.1\."):
        load_model(str(tmp_path), AutoModelForSequenceClassification, origin=Origin.TRAINED)


def test_the_head_of_a_classifier_may_be_new(tmp_path: Path) -> None:
    """Masked language models have no classifier and no pooler, or a pooler that the classifier has not."""
    BertForMaskedLM(BertConfig(**_SIZES)).save_pretrained(tmp_path / "bert")
    RobertaModel(RobertaConfig(**_SIZES)).save_pretrained(tmp_path / "roberta")
    for name in ("bert", "roberta"):
        model = load_model(str(tmp_path / name), AutoModelForSequenceClassification, {"num_labels": 3})
        assert model.config.num_labels == 3
        with pytest.raises(UserError, match=r"lacks .*classifier"):
            load_model(
                str(tmp_path / name), AutoModelForSequenceClassification, {"num_labels": 3}, origin=Origin.TRAINED
            )


@pytest.mark.parametrize(
    ("fields", "weight"),
    [
        ({"hidden_size": 6}, "bert.embeddings.LayerNorm.bias"),
        ({"vocab_size": 21}, "bert.embeddings.word_embeddings.weight"),
        ({"num_hidden_layers": 3}, "bert.encoder.layer.2"),
        ({"model_type": "roberta"}, "roberta.embeddings"),
    ],
)
def test_an_encoder_that_does_not_fit_its_configuration_is_refused(
    fields: Mapping[str, Any], weight: str, tmp_path: Path
) -> None:
    """transformers ignores other shapes where the head may be new, and would train an encoder of random weights."""
    BertForMaskedLM(BertConfig(**_SIZES)).save_pretrained(tmp_path)
    change_config(tmp_path, **fields)
    with pytest.raises(UserError, match=f"would be random: {weight}"):
        load_model(str(tmp_path), AutoModelForSequenceClassification, {"num_labels": 3})


def test_a_head_of_other_classes_is_replaced(tmp_path: Path) -> None:
    """A classifier of kotune's own is a base model as any other."""
    BertForSequenceClassification(BertConfig(**_SIZES, num_labels=2)).save_pretrained(tmp_path)
    assert load_model(str(tmp_path), AutoModelForSequenceClassification, {"num_labels": 5}).config.num_labels == 5
