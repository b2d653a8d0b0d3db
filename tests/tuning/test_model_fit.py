"""Model, tokenizer and texts of a space that do not fit together are reported before anything starts."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForSequenceClassification,
    GenerationConfig,
)

from corpora.samples.reviews import write_samples
from delivery.sessions.session import dry_run
from delivery.sessions.space_options import resolve_space
from delivery.sessions.study_request import StudyRequest
from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.text.subword_tokenizers import train_subwords
from tuning.studies.storage import storage_at


def bert_folder(folder: Path, words: list[str], **options: bool) -> Path:
    """A folder of a BERT with a vocabulary of whole words.

    Args:
        options: of `tokenizer_config.json`; without any, there is no such file, as in many old folders.
    """
    config = BertConfig(num_hidden_layers=1, hidden_size=8, num_attention_heads=1, intermediate_size=8)
    BertForSequenceClassification(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    if options:
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", **options}))
    return folder


@pytest.fixture
def reviews(tmp_path: Path) -> Space:
    """Reviews that `kcbert` is to learn."""
    files = write_samples(tmp_path / "data", train=60, dev=12, test=8)
    options = {f"data.{split}": str(path) for split, path in files.items()}
    return resolve_space("kcbert", options, ["wandb.mode=disabled", "slots.count=1"], [], None)


def words_of(space: Space) -> list[str]:
    """The words of all texts."""
    files = (space.data.train, space.data.dev, space.data.test)
    texts = " ".join(Path(str(file)).read_text(encoding="utf-8") for file in files)
    return sorted({*re.findall(r"\w+|[^\w\s]", texts)})


def dry(space: Space, folder: Path) -> list[str]:
    """The comment lines of a dry run with the model in `folder`."""
    request = StudyRequest(replace(space, model=str(folder)), "mine", storage_at(folder / "runs"))
    return [line for line in dry_run(request, io.StringIO()).splitlines() if line.startswith("# ")]


def test_a_tokenizer_that_knows_none_of_the_texts_is_refused(reviews: Space, tmp_path: Path) -> None:
    """BERT's tokenizer takes Hangul apart as accents unless its files say that it keeps case."""
    with pytest.raises(UserError, match=r"tokens in train are unknown \(\[UNK\]\)") as caught:
        dry(reviews, bert_folder(tmp_path / "bert", words_of(reviews)))
    assert str(tmp_path / "bert") in caught.value.problem
    assert "do_lower_case: false" in caught.value.todo


def test_a_dry_run_shows_how_much_is_unknown(reviews: Space, tmp_path: Path) -> None:
    """The same vocabulary with its settings; if every tenth word is missing, there is a warning."""
    words = words_of(reviews)
    lines = dry(reviews, bert_folder(tmp_path / "all", words, do_lower_case=False))
    assert lines[-1] == (
        "# unknown tokens: train 0.0%, dev 0.0%, test 0.0%; "
        "different texts with the same tokens: train 0.0%, dev 0.0%, test 0.0%"
    )
    del words[::10]
    lines = dry(reviews, bert_folder(tmp_path / "most", words, do_lower_case=False))
    assert re.fullmatch(
        r"# warning: \d+\.\d% of the source tokens in \w+ are unknown \(\[UNK\]\); another --tokenizer may read them",
        lines[-1],
    )


def test_a_dry_run_shows_how_many_texts_are_cut(reviews: Space, tmp_path: Path) -> None:
    """A limit that cuts every text is a warning."""
    folder = bert_folder(tmp_path / "bert", words_of(reviews), do_lower_case=False)
    lines = dry(replace(reviews, max_source_length=4), folder)
    assert "# warning: 100.0% of the sources of dev are cut to 4 tokens (max_source_length)" in lines


def test_a_dry_run_checks_the_vocabulary_against_the_model(reviews: Space, tmp_path: Path) -> None:
    """The vocabulary of a larger model, before its weights are read."""
    words = words_of(reviews)
    folder = bert_folder(tmp_path / "bert", words, do_lower_case=False)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": len(words)}))  # and five special tokens
    with pytest.raises(UserError, match=r"tokens, and model .* embeddings: 5 tokens would start from random values"):
        dry(reviews, folder)


def test_a_dry_run_shows_the_generation_settings_of_the_model(tmp_path: Path) -> None:
    """They come from the model's files and enter every trial."""
    texts = [f"{number}번 고객이 배송을 물었다." for number in range(40)]
    lines = "".join(f"{number},{text},{number}번 배송 문의\n" for number, text in enumerate(texts))
    (tmp_path / "train.csv").write_text(f"fname,dialogue,summary\n{lines}", encoding="utf-8")
    folder = tmp_path / "bart"
    tokenizer = train_subwords([*texts, "문의"], 60)
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 1, "vocab_size": len(tokenizer)}
    ids = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    config = BartConfig(**sizes, **heads, **ids, decoder_start_token_id=tokenizer.eos_token_id)
    BartForConditionalGeneration(config).save_pretrained(folder)
    GenerationConfig(min_length=56).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    sets = ["wandb.mode=disabled", "slots.count=1"]
    space = resolve_space("kobart", {"data.train": str(tmp_path / "train.csv")}, sets, [], None)
    assert "min_length 56; --set NAME=VALUE changes" in dry(space, folder)[-2]
