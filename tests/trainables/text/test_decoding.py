"""Decoding parameters: a generation config states only what is used."""

from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from foundation.errors import UserError
from trainables.text.decoding import GENERATION_BOUNDS, check_lengths, decoding_config
from trainables.training.parameter_names import AT_LEAST, AT_MOST


def beam_search() -> GenerationConfig:
    """The generation config of a base model."""
    return GenerationConfig(num_beams=4, early_stopping=True, length_penalty=2.0, max_length=40, no_repeat_ngram_size=3)


def test_parameters_of_beam_search_are_reset_without_beams(tmp_path: Path) -> None:
    """Other parameters and the base do not change, and the result can be saved and loaded."""
    base = beam_search()
    config = decoding_config(base, {"num_beams": 1})
    assert (config.num_beams, config.early_stopping, config.length_penalty) == (1, False, 1.0)
    assert (config.no_repeat_ngram_size, config.max_length) == (3, 40)
    assert base == beam_search()
    config.save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path) == config


def test_parameters_of_beam_search_remain_with_beams() -> None:
    """The trial's values replace those of the base."""
    config = decoding_config(beam_search(), {"num_beams": 6, "length_penalty": 0.8})
    assert (config.num_beams, config.early_stopping, config.length_penalty) == (6, True, 0.8)


def test_only_one_length_limit_remains() -> None:
    """`max_new_tokens` removes an inherited `max_length` and the other way round; without either both remain."""
    both = GenerationConfig(max_length=40, max_new_tokens=20)
    limits = [
        (config.max_length, config.max_new_tokens)
        for config in (
            decoding_config(both, decoding) for decoding in ({"max_new_tokens": 9}, {"max_length": 9}, {"num_beams": 2})
        )
    ]
    assert limits == [(None, 9), (9, None), (40, 20)]


def test_parameters_of_sampling_are_reset_without_sampling() -> None:
    """`temperature`, `top_p` and `top_k` remain only with `do_sample`."""
    sampling = {"temperature": 0.7, "top_p": 0.9, "top_k": 20}
    sampled = decoding_config(GenerationConfig(), {"do_sample": True, **sampling})
    greedy = decoding_config(sampled, {"do_sample": False})
    assert (sampled.temperature, sampled.top_p, sampled.top_k) == (0.7, 0.9, 20)
    assert (greedy.temperature, greedy.top_p, greedy.top_k) == (1.0, 1.0, 50)


@pytest.mark.parametrize("inherited", [{"min_p": 0.1}, {"typical_p": 0.9}, {"epsilon_cutoff": 0.1}])
def test_every_parameter_of_sampling_is_reset(inherited: dict[str, Any]) -> None:
    """transformers would refuse beam search with a parameter that only sampling reads."""
    decoding_config(GenerationConfig(do_sample=True, **inherited), {"do_sample": False, "num_beams": 2})


def test_an_invalid_combination_is_refused() -> None:
    """The strict check of transformers refuses more returned sequences than beams."""
    with pytest.raises(ValueError, match="num_return_sequences"):
        decoding_config(GenerationConfig(), {"num_beams": 2, "num_return_sequences": 3})


@pytest.mark.parametrize("least", ["min_length", "min_new_tokens"])
@pytest.mark.parametrize("most", ["max_length", "max_new_tokens"])
def test_no_text_must_be_longer_than_it_may_be(least: str, most: str) -> None:
    """It would be cut at the limit, whatever the model wrote."""
    check_lengths(GenerationConfig(**{least: 20, most: 20}))
    check_lengths(GenerationConfig(**{least: 20}))
    with pytest.raises(UserError, match=f"{least} 21 is above {most} 20 of a model"):
        check_lengths(GenerationConfig(**{least: 21, most: 20}), " of a model")


@pytest.mark.parametrize("name", ["num_beams", "num_return_sequences", "max_new_tokens", "max_length"])
@pytest.mark.parametrize("value", [-1, 0, 10**9, 10**15, 1.5, "many", [4]])
def test_numbers_that_never_end_are_refused(name: str, value: Any) -> None:
    """A billion beams take all memory; the message has the bounds and where the value comes from."""
    config = GenerationConfig()
    setattr(config, name, value)
    with pytest.raises(UserError, match=rf"{name} is .* \(a file\)") as caught:
        check_lengths(config, " (a file)")
    assert "a whole number, " in caught.value.allowed
    setattr(config, name, 30)
    check_lengths(config)


def test_bounds_are_those_of_parameters() -> None:
    """The values of `--set` and of files are checked before torch is imported, by a list of their own."""
    assert {name: (AT_LEAST[name], AT_MOST[name]) for name in GENERATION_BOUNDS} == GENERATION_BOUNDS
