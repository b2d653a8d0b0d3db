"""Whether a tokenizer fits the embeddings of a trained model."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerBase

from foundation.errors import UserError
from trainables.models.base_models import Recipe, prepare_base
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.tokenizer_checks import TokenizerFit
from trainables.tasks.classification import Classification
from trainables.text.subword_tokenizers import train_subwords

TEXTS = ["배송이 빨라요", "포장이 꼼꼼해요", "다시 살게요"] * 3


def model_folder(folder: Path, tokenizer: PreTrainedTokenizerBase, embeddings: int) -> str:
    """A BERT with `embeddings` rows and its tokenizer."""
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    BertForSequenceClassification(BertConfig(vocab_size=embeddings, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(tmp_path: Path) -> None:
    """All rows of new words would be random. A study of such a model writes nothing."""
    tokenizer = train_subwords(TEXTS, 40)
    model = model_folder(tmp_path / "small", tokenizer, 20)
    with pytest.raises(
        UserError, match=rf"has {len(tokenizer)} tokens, and model '.*small' has 20 embeddings"
    ) as caught:
        prepare_base(tmp_path / "base", Recipe(model), Classification(("a", "b")), [])
    assert "at most 20 tokens, and up to 100 added ones" in caught.value.allowed
    assert not (tmp_path / "base").exists()


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """Its ids mean other words, although they have embeddings. The same tokens in another folder are accepted."""
    own, other = train_subwords(TEXTS, 40), train_subwords(["고객 센터 문의", "환불 요청 접수"] * 3, 40)
    model = model_folder(tmp_path / "model", own, 60)
    for name, tokenizer in (("own", own), ("other", other)):
        tokenizer.save_pretrained(tmp_path / name)
    task = Classification(("a", "b"))
    prepare_base(tmp_path / "base", Recipe(model, tokenizer=str(tmp_path / "own")), task, [])
    with pytest.raises(UserError, match=r"tokenizer '.*other' is of another model: \d+ of its \d+ tokens") as caught:
        prepare_base(tmp_path / "base2", Recipe(model, tokenizer=str(tmp_path / "other")), task, [])
    assert "leave --tokenizer out" in caught.value.todo


def test_a_tokenizer_is_accepted_for_a_model_without_one(tmp_path: Path) -> None:
    """There is nothing to compare it with."""
    tokenizer = train_subwords(TEXTS, 40)
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8}
    BertForSequenceClassification(BertConfig(vocab_size=60, **sizes)).save_pretrained(tmp_path / "bare")
    tokenizer.save_pretrained(tmp_path / "words")
    recipe = Recipe(str(tmp_path / "bare"), tokenizer=str(tmp_path / "words"))
    prepare_base(tmp_path / "base", recipe, Classification(("a", "b")), [])
    assert len(load_tokenizer(str(tmp_path / "base"), is_generative=False)) == len(tokenizer)


def test_few_added_tokens_get_new_embeddings(tmp_path: Path) -> None:
    """Those of the tokenizer are told, those of the search space are the user's own words; many are refused."""
    tokenizer = train_subwords(TEXTS, 40)
    size = len(tokenizer)
    tokenizer.add_tokens(["#Person1#", "#Person2#"])
    fit = TokenizerFit(tokenizer, "model", "model", size, special_tokens=("#Person2#",))
    assert fit.check() == ["new embeddings for 1 added token of the tokenizer: #Person1#"]
    assert fit.rows == size + 2
    assert TokenizerFit(tokenizer, "model", "model", size + 30).check() == []
    model = model_folder(tmp_path / "model", tokenizer, size)
    prepare_base(tmp_path / "base", Recipe(model), Classification(("a", "b")), [])
    base = load_model(str(tmp_path / "base"), Classification.auto_model)
    assert base.get_input_embeddings().num_embeddings == size + 2
    tokenizer.add_tokens([f"<{number}>" for number in range(100)])
    with pytest.raises(UserError, match="102 tokens would start from random values"):
        TokenizerFit(tokenizer, "model", "model", size).check()
