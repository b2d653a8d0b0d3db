"""Source and target languages of multilingual models, in training, in generation and in what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    MBart50Tokenizer,
    MBartConfig,
    MBartForConditionalGeneration,
    MBartTokenizer,
)

from foundation.errors import UserError
from trainables.models.base_models import Recipe, prepare_base
from trainables.tasks.encoder_decoder import decoder_inputs
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Limits

ROW = {"source": "hello", "target": "인사"}
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁hello", "▁인사", "▁가"]


def multilingual(folder: Path, kind: Any, **options: str) -> str:
    """A folder of an mBART with a few words."""
    tokenizer = kind(vocab=[(word, -float(number)) for number, word in enumerate(WORDS)], **options)
    tokenizer.save_pretrained(folder)
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 1}
    config = MBartConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **sizes, **heads)
    MBartForConditionalGeneration(config).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "source", "labels", "start", "forced"),
    [
        (MBartTokenizer, ["▁hello", "</s>", "en_XX"], ["▁인사", "</s>", "ko_KR"], "ko_KR", None),
        (MBart50Tokenizer, ["en_XX", "▁hello", "</s>"], ["ko_KR", "▁인사", "</s>"], "</s>", "ko_KR"),
    ],
)
def test_texts_have_their_language_once_and_generation_starts_as_training_does(
    kind: Any, source: list[str], labels: list[str], start: str, forced: str | None, tmp_path: Path
) -> None:
    """mBART marks a language after the end token, mBART-50 at the beginning. The saved folder keeps both languages."""
    model = multilingual(tmp_path / "model", kind)
    recipe = Recipe(model, source_language="en_XX", target_language="ko_KR")
    task = Seq2Seq("whitespace")
    prepare_base(tmp_path / "base", recipe, task, [])
    tokenizer, network = (each.from_pretrained(tmp_path / "base") for each in (AutoTokenizer, AutoModelForSeq2SeqLM))
    tokens = tokenizer.convert_ids_to_tokens
    limits = Limits(20, 20)
    encoded = task.encode_targets([ROW], tokenizer, limits, scored=False)["labels"][0]
    assert tokens(task.encode([ROW], tokenizer, limits)["input_ids"][0]) == source
    assert tokens(encoded) == labels
    settings = network.generation_config
    assert tokens(settings.decoder_start_token_id) == start
    assert tokens(int(decoder_inputs(network, torch.tensor([encoded]))[0, 0])) == start
    assert settings.forced_bos_token_id == (None if forced is None else tokenizer.convert_tokens_to_ids(forced))
    cut = task.encode([{"source": "hello " * 9}], tokenizer, Limits(4, 4))["input_ids"][0]
    assert len(cut) == 4
    assert tokens(cut)[-1] == source[-1]


def test_languages_are_checked(tmp_path: Path) -> None:
    """One that the tokenizer does not have, and one for a tokenizer without languages."""
    model = multilingual(tmp_path / "model", MBart50Tokenizer)
    task = Seq2Seq("whitespace")
    with pytest.raises(UserError, match=r"source_language 'ko': tokenizer .* has no such language") as caught:
        prepare_base(tmp_path / "base", Recipe(model, source_language="ko", target_language="en_XX"), task, [])
    assert "ko_KR" in caught.value.allowed
    for name in ("source_language", "target_language"):
        with pytest.raises(UserError, match="trains a tokenizer without languages"):
            prepare_base(tmp_path / "base", Recipe("scratch:tiny", **{name: "ko_KR"}), task, [])
