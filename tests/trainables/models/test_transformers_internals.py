"""Every private point of transformers that kotune depends on: one test per function of the adapter.

A failure here after an upgrade of transformers names the function that has to change.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    EncoderDecoderConfig,
    GenerationConfig,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    modeling_utils,
)

from trainables.models import transformers_internals as internals


@pytest.fixture
def bart(tiny_base: Path) -> PreTrainedModel:
    """A BART, whose output matrix is its input embedding."""
    model: PreTrainedModel = AutoModelForSeq2SeqLM.from_pretrained(tiny_base)
    return model


def test_source_of_config(tiny_base: Path) -> None:
    """The folder that was given to `from_pretrained`."""
    assert internals.source_of_config(AutoConfig.from_pretrained(str(tiny_base))) == str(tiny_base)


def test_default_generation_parameters() -> None:
    """Numbers and flags that a GenerationConfig leaves at None, each of which is a field of it."""
    defaults = internals.default_generation_parameters()
    assert (defaults["num_beams"], defaults["do_sample"], defaults["temperature"]) == (1, False, 1.0)
    assert defaults.keys() <= GenerationConfig().to_dict().keys()


def test_weights_tied_by_config(bart: PreTrainedModel) -> None:
    """The output matrix is tied whether or not this model ties it."""
    bart.lm_head.weight = torch.nn.Parameter(bart.lm_head.weight.clone())
    internals.forget_tie(bart, "lm_head.weight")
    assert "lm_head.weight" in internals.weights_tied_by_config(bart)


def test_tied_weights(bart: PreTrainedModel, tiny_base: Path) -> None:
    """The output matrix is tied, unless the configuration says it is not."""
    assert "lm_head.weight" in internals.tied_weights(bart)
    config = AutoConfig.from_pretrained(tiny_base, tie_word_embeddings=False)
    assert "lm_head.weight" not in internals.tied_weights(AutoModelForSeq2SeqLM.from_config(config))


def test_forget_tie(bart: PreTrainedModel, tmp_path: Path) -> None:
    """A separated weight is saved separately; forgetting a name that is not tied does nothing."""
    bart.lm_head.weight = torch.nn.Parameter(torch.randn_like(bart.lm_head.weight))
    internals.forget_tie(bart, "lm_head.weight")
    internals.forget_tie(bart, "no.such.weight")
    bart.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert torch.equal(loaded.lm_head.weight, bart.lm_head.weight)
    assert not torch.equal(loaded.lm_head.weight, loaded.get_input_embeddings().weight)


def test_is_remote_code_error(tmp_path: Path) -> None:
    """A configuration with code of its own is refused with an error that this recognises; a broken one is not."""
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "configuration_own.OwnConfig"}})
    )
    (tmp_path / "configuration_own.py").write_text("")
    with pytest.raises(ValueError, match="trust_remote_code") as caught:
        AutoConfig.from_pretrained(tmp_path, trust_remote_code=False)
    assert internals.is_remote_code_error(caught.value)
    (tmp_path / "config.json").write_text('{"model_type": "own"}')
    with pytest.raises(ValueError, match="own") as caught:
        AutoConfig.from_pretrained(tmp_path, trust_remote_code=False)
    assert not internals.is_remote_code_error(caught.value)


def test_is_unsupported_type_error() -> None:
    """Two joined models have no head for classes; a model that cannot be built for another reason has its own text."""
    config = EncoderDecoderConfig(encoder={"model_type": "bert"}, decoder={"model_type": "bert"})
    with pytest.raises(ValueError, match="Unrecognized") as caught:
        AutoModelForSequenceClassification.from_config(config)
    assert internals.is_unsupported_type_error(caught.value)
    assert not internals.is_unsupported_type_error(ValueError("the hidden size is not a multiple of the heads"))


def test_is_missing_safetensors_error(bart: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository on the hub that exists but holds no file in safetensors, as transformers reports it."""
    monkeypatch.setattr(modeling_utils, "cached_file", lambda *args, **kwargs: None)
    monkeypatch.setattr(modeling_utils, "auto_conversion", lambda *args, **kwargs: (None, None, False))
    with pytest.raises(OSError, match="safetensors") as caught:
        type(bart).from_pretrained("owner/name", config=bart.config, use_safetensors=True)
    assert internals.is_missing_safetensors_error(caught.value)
    assert not internals.is_missing_safetensors_error(OSError("owner/name does not exist"))


def test_use_one_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two visible GPUs are one afterwards; no GPU stays none."""
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    internals.use_one_gpu(arguments)
    assert arguments.n_gpu == 0
    monkeypatch.setattr(arguments, "_n_gpu", 2)
    internals.use_one_gpu(arguments)
    assert arguments.n_gpu == 1


@pytest.fixture
def trainer(bart: PreTrainedModel, tmp_path: Path) -> Trainer:
    """A trainer with an optimizer and a scheduler, before its first step."""
    arguments = TrainingArguments(output_dir=str(tmp_path / "trainer"), use_cpu=True, report_to="none")
    trainer = Trainer(bart, arguments)
    trainer.create_optimizer_and_scheduler(10)
    return trainer


def test_save_model(trainer: Trainer, tmp_path: Path) -> None:
    """The folder loads as a model."""
    internals.save_model(trainer, tmp_path / "model")
    assert AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model").num_parameters() == trainer.model.num_parameters()


def test_save_training_state(trainer: Trainer, tmp_path: Path) -> None:
    """The files that `Trainer` looks for when it resumes; no gradient scaler in 32 bit."""
    internals.save_training_state(trainer, tmp_path)
    assert {"optimizer.pt", "scheduler.pt", "rng_state.pth"} <= {path.name for path in tmp_path.iterdir()}
