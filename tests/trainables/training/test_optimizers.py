"""Frozen layers, rates that fall layer by layer, and Adafactor's own rate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.optimization import Adafactor

from foundation.errors import UserError
from trainables.models.freezing import depths, freeze
from trainables.training.optimizers import adafactor_schedule, make, parameter_groups


@pytest.fixture
def bert() -> BertForSequenceClassification:
    """Two layers."""
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 2}
    return BertForSequenceClassification(BertConfig(vocab_size=20, max_position_embeddings=16, **sizes))


@pytest.fixture
def t5() -> T5ForConditionalGeneration:
    """Two encoder and three decoder layers."""
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=20,
            d_model=8,
            d_kv=4,
            d_ff=8,
            num_heads=2,
            num_layers=2,
            num_decoder_layers=3,
            decoder_start_token_id=0,
        )
    )


def arguments(folder: Path, **fields: object) -> Seq2SeqTrainingArguments:
    """Of a trial on the CPU."""
    return Seq2SeqTrainingArguments(output_dir=str(folder), use_cpu=True, **fields)  # type: ignore[arg-type]


def test_depths_count_from_the_embeddings() -> None:
    """0 for embeddings, n + 1 for layer n, one more for what is above all layers; each stack by itself."""
    names = [
        "bert.embeddings.word_embeddings.weight",
        "bert.encoder.layer.0.a",
        "bert.encoder.layer.1.a",
        "classifier.w",
    ]
    assert list(depths(names).values()) == [(0, 3), (1, 3), (2, 3), (3, 3)]
    both = depths(["shared.weight", "encoder.block.0.w", "encoder.block.1.w", "decoder.block.2.w", "lm_head.weight"])
    assert list(both.values()) == [(0, 4), (1, 3), (2, 3), (3, 4), (4, 4)]


def test_frozen_layers_do_not_train(bert: BertForSequenceClassification) -> None:
    """The embeddings and the first layer; the second, the pooler and the head go on."""
    freeze(bert, 1)
    frozen = {name for name, parameter in bert.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, _ in bert.named_parameters() if "embeddings" in name or "encoder.layer.0." in name}
    assert frozen


def test_only_the_encoder_of_two_stacks_is_frozen(t5: T5ForConditionalGeneration) -> None:
    """The decoder writes what is new; the shared embedding is the encoder's too."""
    freeze(t5, 2)
    trained = {name for name, parameter in t5.named_parameters() if parameter.requires_grad}
    assert not any(name.startswith(("encoder.block", "shared")) for name in trained)
    assert {name.split(".")[2] for name in trained if name.startswith("decoder.block")} == {"0", "1", "2"}


def test_freezing_nothing_or_too_much(bert: BertForSequenceClassification) -> None:
    """0 leaves all as it is; more layers than there are is an error that says how many there are."""
    freeze(bert, 0)
    assert all(parameter.requires_grad for parameter in bert.parameters())
    with pytest.raises(UserError, match="freeze_layers: 3") as caught:
        freeze(bert, 3)
    assert caught.value.allowed == "0 to 2: the model has 2 layers"


def test_rates_fall_layer_by_layer(bert: BertForSequenceClassification, tmp_path: Path) -> None:
    """With decay 0.5 and rate 0.8: head 0.8, layer 1 0.4, layer 0 0.2, embeddings 0.1; every parameter once."""
    optimizer = make(bert, arguments(tmp_path, learning_rate=0.8, weight_decay=0.1), {"layerwise_lr_decay": 0.5})
    assert optimizer is not None
    rate = {parameter: group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    named = dict(bert.named_parameters())
    assert rate.keys() == set(named.values())
    wanted = {
        "classifier.weight": 0.8,
        "bert.encoder.layer.1.output.dense.weight": 0.4,
        "bert.encoder.layer.0.output.dense.weight": 0.2,
        "bert.embeddings.word_embeddings.weight": 0.1,
    }
    assert {name: rate[named[name]] for name in wanted} == pytest.approx(wanted)


def test_matrices_decay_and_vectors_do_not(bert: BertForSequenceClassification) -> None:
    """Biases and norms have one dimension."""
    for group in parameter_groups(bert, 0.1, 1.0, 0.9):
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0)


def test_frozen_parameters_are_given_to_no_optimizer(bert: BertForSequenceClassification) -> None:
    """Or weight decay would still move them."""
    freeze(bert, 2)
    given = [parameter for group in parameter_groups(bert, 0.1, 1.0, 0.9) for parameter in group["params"]]
    assert len(given) == sum(parameter.requires_grad for parameter in bert.parameters())


def test_transformers_own_optimizer_is_left_to_it(bert: BertForSequenceClassification, tmp_path: Path) -> None:
    """Nothing of kotune's was asked for."""
    assert make(bert, arguments(tmp_path), {"layerwise_lr_decay": 1.0}) is None
    assert make(bert, arguments(tmp_path), {}) is None


def test_adafactor_chooses_its_own_rate(t5: T5ForConditionalGeneration, tmp_path: Path) -> None:
    """No rate is given; it starts small and follows the size of the weights."""
    optimizer = make(t5, arguments(tmp_path), {"adafactor_own_rate": True})
    assert isinstance(optimizer, Adafactor)
    assert all(group["lr"] is None and group["relative_step"] for group in optimizer.param_groups)
    before = t5.shared.weight.clone()
    ids = torch.tensor([[3, 4, 1]])
    t5(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    moved = (t5.shared.weight - before).abs().max().item()
    assert 0 < moved < 1e-2
    assert adafactor_schedule(optimizer).get_lr()[0] > 0
