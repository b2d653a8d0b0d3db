"""Learning rates that fall layer by layer, Adafactor's own rate, and what to do when training diverges."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    BertForSequenceClassification,
    Seq2SeqTrainingArguments,
    T5ForConditionalGeneration,
)
from transformers.optimization import Adafactor

from trainables.models.freezing import freeze
from trainables.training.optimizers import (
    adafactor_schedule,
    divergence,
    make,
    parameter_groups,
    scheduler_arguments,
)


def arguments(folder: Path, **fields: object) -> Seq2SeqTrainingArguments:
    """Of a trial on the CPU."""
    return Seq2SeqTrainingArguments(output_dir=str(folder), use_cpu=True, **fields)  # type: ignore[arg-type]


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


def test_a_diverged_trial_is_told_what_to_lower(tmp_path: Path) -> None:
    """Only what its configuration leaves to lower: clipping at 1 and a warm-up are not proposed where they are set."""
    set_up = arguments(tmp_path, learning_rate=5e-3, warmup_steps=10)
    assert divergence("training loss is nan at step 20", set_up, {}) == (
        "training loss is nan at step 20 with learning_rate 0.005: lower learning_rate, or the upper end of its range"
    )
    text = divergence("loss is inf", arguments(tmp_path, max_grad_norm=0.0), {})
    assert text.endswith("; or lower max_grad_norm to 1; or warm up (warmup_steps=0.1)")
    own = divergence("loss is nan", set_up, {"adafactor_own_rate": True})
    assert own == "loss is nan with Adafactor's own learning rate: use optim=adamw_torch with a low learning_rate"


def test_arguments_of_other_schedulers_are_left_out() -> None:
    """A search may compare schedulers; a name that none of them has stays and is refused."""
    options = {"patience": 5, "num_cycles": 2, "patiense": 1}
    assert scheduler_arguments("reduce_lr_on_plateau", options) == {"patience": 5, "patiense": 1}
    assert scheduler_arguments("cosine", options) == {"num_cycles": 2, "patiense": 1}
    assert scheduler_arguments("linear", options) == {"patiense": 1}
