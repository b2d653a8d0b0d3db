"""Training arguments: precision, and configurations that are refused before a model is built."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from foundation.errors import UserError
from trainables.tasks.classification import Classification
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Task
from trainables.training.arguments import check_config, choose_precision
from trainables.training.parameters import split_parameters, value_problems

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("training", "expected"),
    [({}, (False, False)), ({"fp16": True}, (False, False)), ({"bf16": True}, (True, False))],
)
def test_a_cpu_has_no_fp16(training: dict[str, Any], expected: tuple[bool, bool]) -> None:
    """A configuration that was written for a GPU trains in 32 bit on a CPU."""
    precision = choose_precision(training, CPU)
    assert (precision["bf16"], precision["fp16"]) == expected


@pytest.mark.parametrize("has_bf16", [True, False])
def test_a_gpu_uses_the_configured_precision_or_its_fastest(has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a configuration it is bf16 if the GPU has it, otherwise fp16."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert choose_precision({}, CUDA) == {"bf16": has_bf16, "fp16": not has_bf16}
    assert choose_precision({"fp16": True}, CUDA) == {"bf16": False, "fp16": True}
    assert choose_precision({"bf16": False}, CUDA) == {"bf16": False, "fp16": False}


@pytest.mark.parametrize(("model_type", "fp16"), [("bart", True), ("t5", False), ("mt5", False), ("pegasus", False)])
def test_models_that_overflow_in_fp16_compute_in_32_bit(
    model_type: str, fp16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU without bf16. What is configured stays; with bf16 nothing changes."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    assert choose_precision({}, CUDA, model_type) == {"bf16": False, "fp16": fp16}
    assert choose_precision({"fp16": True}, CUDA, model_type) == {"bf16": False, "fp16": True}
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose_precision({}, CUDA, model_type) == {"bf16": True, "fp16": False}


@pytest.mark.parametrize(
    ("config", "task", "problem"),
    [
        ({"min_length": 80, "max_new_tokens": 64}, Seq2Seq, "min_length 80 is above max_new_tokens 64"),
        ({"adafactor_own_rate": True}, Seq2Seq, "adafactor_own_rate with optim adamw_torch"),
        (
            {"adafactor_own_rate": True, "optim": "adafactor", "layerwise_lr_decay": 0.9},
            Seq2Seq,
            "layerwise_lr_decay 0.9",
        ),
        ({"num_beams": 4}, Classification, "num_beams: the task classification generates no text"),
        (
            {"num_beams": 1, "num_return_sequences": 3},
            Seq2Seq,
            "transformers refuses num_return_sequences=3: ",
        ),
        # No trial can use these; transformers accepts them until training or generation begins.
        ({"optim": "lion_8bit"}, Seq2Seq, "optim lion_8bit .* cannot be used: .*`bitsandbytes`"),
        (
            {"lr_scheduler_type": "cosine_with_min_lr"},
            Classification,
            "cosine_with_min_lr cannot be used: One of min_lr",
        ),
        ({"lr_scheduler_kwargs": {"powr": 2}}, Classification, "lr_scheduler_type linear cannot be used"),
        ({"optim": "sgd", "optim_args": "momentum=-1"}, Classification, "optim sgd .*Invalid momentum"),
        ({"bad_words_ids": [1]}, Seq2Seq, "`bad_words_ids` has to be a list of lists"),
        ({"eos_token_id": "</s>"}, Seq2Seq, "transformers refuses eos_token_id='</s>': "),
        ({"num_beams": 1, "penalty_alpha": "high"}, Seq2Seq, "transformers refuses penalty_alpha='high': "),
        ({"constraints": [1]}, Seq2Seq, r"transformers refuses constraints=\[1\]: "),
        ({"weight_decay": None}, Classification, "weight_decay: None"),
        ({"label_smoothing": None}, Classification, "label_smoothing: None"),
        ({"lr_scheduler_type": None}, Classification, "lr_scheduler_type: None"),
        ({"dataloader_num_workers": -1}, Classification, "dataloader_num_workers: -1"),
        ({"adam_epsilon": 0}, Classification, "adam_epsilon: 0"),
        ({"torch_compile_mode": "fast"}, Classification, "torch_compile_mode: 'fast'"),
        ({"class_weights": "balanced"}, Seq2Seq, "class_weights: no effect in the task seq2seq"),
        ({"label_smoothing_factor": 0.1}, Regression, "label_smoothing_factor: no effect in the task regression"),
        ({"regression_loss": "huber"}, Classification, "regression_loss: no effect in the task classification"),
    ],
)
def test_a_bad_configuration_is_refused(config: dict[str, Any], task: type[Task], problem: str) -> None:
    """Before a model is built."""
    with pytest.raises(UserError, match=problem):
        check_config(config, task)


def test_a_valid_configuration_is_accepted() -> None:
    """Adafactor with its own rate; a classifier without decoding parameters; parameters without effect at defaults."""
    check_config({"adafactor_own_rate": True, "optim": "adafactor"}, Seq2Seq)
    check_config({"learning_rate": 1e-3, "class_weights": "balanced"}, Classification)
    check_config({"class_weights": "none", "label_smoothing_factor": 0.0}, Regression)


@pytest.mark.parametrize(("name", "word"), [("class_weights", "none"), ("logging_strategy", "no")])
def test_false_is_the_word_that_yaml_reads_so(name: str, word: str) -> None:
    """`no` and `off` without quotation marks."""
    assert not value_problems({name: False})
    assert split_parameters({name: False}).value(name) == word
    assert value_problems({name: True})


@pytest.mark.parametrize(
    "config",
    [
        {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.1}},
        {"lr_scheduler_type": "reduce_lr_on_plateau"},
        {"lr_scheduler_type": "greedy"},
        {"optim": "adafactor", "adafactor_own_rate": True},
        {"optim": "sgd", "layerwise_lr_decay": 0.9, "warmup_steps": 0.1},
        {"eos_token_id": [2, 250_000], "forced_bos_token_id": 250_000, "num_beams": 4},  # ids of a large vocabulary
        {"num_beams": 4, "num_return_sequences": 2, "early_stopping": True, "length_penalty": 2.0, "max_length": 200},
        {"do_sample": True, "top_p": 0.9, "min_new_tokens": 20, "no_repeat_ngram_size": 3},
    ],
)
def test_a_good_configuration_is_accepted(config: dict[str, Any]) -> None:
    """Its optimizer, its schedule and its decoding are tried on models of a few weights."""
    check_config(config, Seq2Seq)


def test_null_is_refused_where_training_needs_a_value() -> None:
    """transformers accepts null for every field; most optimizers and samplers do not."""
    needed = ("weight_decay", "max_grad_norm", "per_device_train_batch_size", "warmup_steps", "optim", "use_cache")
    assert [problem.problem for problem in value_problems(dict.fromkeys(needed))] == [
        f"{name}: None" for name in needed
    ]
    optional = ("lr_scheduler_kwargs", "optim_args", "neftune_noise_alpha", "num_beams", "generation.use_cache")
    assert value_problems(dict.fromkeys(optional)) == []
