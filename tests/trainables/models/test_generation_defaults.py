"""Decoding parameters of a model in its files, as they enter trials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig

from foundation.errors import UserError
from trainables.models.generation_defaults import inherited_remarks, load_generation_config

OLD = {"min_length": 56, "length_penalty": 2.0, "no_repeat_ngram_size": 3, "max_length": 142, "num_beams": 4}


@pytest.fixture(params=["config.json", "generation_config.json"])
def summariser(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A BART with settings for long summaries, in either file; those of public models are in `config.json`."""
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    config = BartConfig(vocab_size=20, encoder_attention_heads=2, decoder_attention_heads=2, **sizes)
    BartForConditionalGeneration(config).save_pretrained(tmp_path)
    if request.param == "config.json":
        (tmp_path / "generation_config.json").unlink()
    path = tmp_path / request.param
    path.write_text(json.dumps(json.loads(path.read_text()) | OLD))
    return str(tmp_path)


def test_settings_are_those_that_the_loaded_model_has(summariser: str) -> None:
    """They are read without the weights."""
    loaded = BartForConditionalGeneration.from_pretrained(summariser).generation_config
    settings = load_generation_config(summariser)
    assert {name: getattr(settings, name) for name in OLD} == OLD == {name: getattr(loaded, name) for name in OLD}


def test_inherited_settings_are_named_once(summariser: str) -> None:
    """Except those that the trials set; without beams there is no length penalty."""
    base = load_generation_config(summariser)
    trials = [{"num_beams": 1, "max_new_tokens": 64}, {"num_beams": 4, "max_new_tokens": 64}]
    line = "the model's own generation settings apply: {}; --set NAME=VALUE changes them"
    assert inherited_remarks("some/bart", base, trials[:1]) == [line.format("min_length 56, no_repeat_ngram_size 3")]
    assert inherited_remarks("some/bart", base, trials) == [
        line.format("min_length 56, no_repeat_ngram_size 3, length_penalty 2.0")
    ]
    ours = {"min_length": 0, "no_repeat_ngram_size": 0, "length_penalty": 1.0, "num_beams": 4, "max_new_tokens": 9}
    assert inherited_remarks("some/bart", base, [ours]) == []
    assert inherited_remarks("some/bart", GenerationConfig(eos_token_id=2, use_cache=False), trials) == []


def test_a_model_that_writes_more_than_the_space_allows_is_refused(summariser: str) -> None:
    """The message names both."""
    base = load_generation_config(summariser)
    with pytest.raises(UserError, match=r"min_length 56 is above max_new_tokens 40 \(model 'some/bart' and the space"):
        inherited_remarks("some/bart", base, [{"max_new_tokens": 64}, {"max_new_tokens": 40}])
