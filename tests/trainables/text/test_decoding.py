"""Decoding parameters: an exported folder claims what was used and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from transformers import GenerationConfig

from trainables.text.decoding import decoding_config


def beam_search() -> GenerationConfig:
    """What a base model may come with."""
    return GenerationConfig(num_beams=4, early_stopping=True, length_penalty=2.0, max_length=40, no_repeat_ngram_size=3)


def test_decoding_without_beams_drops_what_only_beams_read(tmp_path: Path) -> None:
    """The rest stays, the base is untouched, and the result can be saved and read again."""
    base = beam_search()
    config = decoding_config(base, {"num_beams": 1})
    assert (config.num_beams, config.early_stopping, config.length_penalty) == (1, False, 1.0)
    assert (config.no_repeat_ngram_size, config.max_length) == (3, 40)
    assert base == beam_search()
    config.save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path) == config


def test_decoding_with_beams_keeps_them() -> None:
    """The trial's own values over those of the base."""
    config = decoding_config(beam_search(), {"num_beams": 6, "length_penalty": 0.8})
    assert (config.num_beams, config.early_stopping, config.length_penalty) == (6, True, 0.8)


def test_one_limit_of_length_counts() -> None:
    """`max_new_tokens` puts an inherited `max_length` away and the other way round; else both stay."""
    both = GenerationConfig(max_length=40, max_new_tokens=20)
    limits = [
        (config.max_length, config.max_new_tokens)
        for config in (
            decoding_config(both, decoding) for decoding in ({"max_new_tokens": 9}, {"max_length": 9}, {"num_beams": 2})
        )
    ]
    assert limits == [(None, 9), (9, None), (40, 20)]


def test_sampling_keeps_what_only_sampling_reads() -> None:
    """Temperature and the tops count with `do_sample` alone."""
    sampling = {"temperature": 0.7, "top_p": 0.9, "top_k": 20}
    drawn = decoding_config(GenerationConfig(), {"do_sample": True, **sampling})
    greedy = decoding_config(drawn, {"do_sample": False})
    assert (drawn.temperature, drawn.top_p, drawn.top_k) == (0.7, 0.9, 20)
    assert (greedy.temperature, greedy.top_p, greedy.top_k) == (1.0, 1.0, 50)


@pytest.mark.parametrize("inherited", [{"min_p": 0.1}, {"typical_p": 0.9}, {"epsilon_cutoff": 0.1}])
def test_everything_that_only_sampling_reads_is_dropped(inherited: dict[str, Any]) -> None:
    """A base model that samples can be decoded with beams."""
    decoding_config(GenerationConfig(do_sample=True, **inherited), {"do_sample": False, "num_beams": 2})


def test_decoding_that_cannot_work_is_refused() -> None:
    """More sequences than beams; by transformers' own strict check."""
    with pytest.raises(ValueError, match="num_return_sequences"):
        decoding_config(GenerationConfig(), {"num_beams": 2, "num_return_sequences": 3})
