"""Models that kotune did not export and that cannot do a task as they are, and options that do not fit a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerBase,
)

from delivery.inference.options import ModelOptions
from delivery.inference.predictor import open_model
from delivery.inference.scoring import evaluate
from foundation.errors import UserError


def with_task(task: str, *sets: str, **others: Any) -> ModelOptions:
    """The options of a model that kotune did not export."""
    return ModelOptions(("max_source_length=32", *sets), task, **others)


def without_its_kind(folder: Path) -> Path:
    """Removes what says which class saved the model, as old files lack it."""
    config = json.loads((folder / "config.json").read_text())
    del config["architectures"]
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("fields", "task", "says"),
    [
        ({"kind": BertModel}, "classification", r"\(BertModel\) has no trained head"),
        ({"kind": BertModel}, "regression", r"\(BertModel\) has no trained head"),
        ({"kind": BertModel}, "seq2seq", "is of type bert, which has no decoder to generate text"),
        ({"num_labels": 1}, "classification", "has no different classes: LABEL_0"),
        ({"num_labels": 3}, "regression", "has 3 outputs, and a number is one"),
        ({"num_labels": 3}, "seq2seq", "has a head for classes or numbers"),
        ({"problem_type": "multi_label_classification"}, "classification", "gives a row several of its classes"),
    ],
)
def test_a_model_without_the_head_of_the_task_is_refused(
    fields: dict[str, Any], task: str, says: str, make_bert: Callable[..., Path]
) -> None:
    """Its answers would be random numbers."""
    with pytest.raises(UserError, match=says) as caught:
        open_model(make_bert(**fields), "cpu", with_task(task))
    assert caught.value.allowed
    assert caught.value.todo


@pytest.mark.parametrize("task", ["classification", "seq2seq"])
def test_a_decoder_alone_is_refused(task: str, words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """GPT-2 has no task here, with and without the name of its class."""
    GPT2LMHeadModel(GPT2Config(vocab_size=len(words), n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"\(GPT2LMHeadModel\) has no trained head|a decoder without an encoder"):
        open_model(tmp_path, "cpu", with_task(task))
    with pytest.raises(UserError, match=r"would be random: score\.weight|a decoder without an encoder"):
        open_model(without_its_kind(tmp_path), "cpu", with_task(task))


def test_weights_that_are_missing_or_of_another_size_are_refused(make_bert: Callable[..., Path]) -> None:
    """transformers draws them at random: a file that does not name its class, and more classes than outputs."""
    with pytest.raises(UserError, match=r"would be random: bert\.|would be random: classifier\.") as caught:
        open_model(without_its_kind(make_bert("bare", BertModel)), "cpu", with_task("classification"))
    assert "BertForSequenceClassification" in caught.value.allowed
    folder = make_bert("more", num_labels=2)
    config = json.loads((folder / "config.json").read_text())
    labels = {"id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}
    (folder / "config.json").write_text(json.dumps({**config, **labels}))
    with pytest.raises(UserError, match=r"would be random: classifier\.bias, classifier\.weight"):
        open_model(folder, "cpu", with_task("classification"))


def test_a_classifier_with_a_decoder_writes_no_text(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """BART with a head is an encoder-decoder, too. It classifies with its decoder, which needs a start token."""
    sizes: dict[str, Any] = {
        f"{side}_{what}": 1 for side in ("encoder", "decoder") for what in ("layers", "attention_heads")
    }
    config = BartConfig(
        vocab_size=len(words), d_model=8, encoder_ffn_dim=8, decoder_ffn_dim=8, max_position_embeddings=64, **sizes,
        pad_token_id=words.pad_token_id, bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id,
    )  # fmt: skip
    BartForSequenceClassification(config).save_pretrained(tmp_path)
    words.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="has a head for classes or numbers"):
        open_model(tmp_path, "cpu", with_task("seq2seq"))
    assert open_model(tmp_path, "cpu", with_task("classification")).task.classes == ("LABEL_0", "LABEL_1", "LABEL_2")
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "decoder_start_token_id": None}))
    with pytest.raises(UserError, match="decoder_start_token_id is null"):
        open_model(tmp_path, "cpu", with_task("classification"))


def test_a_folder_without_a_tokenizer_needs_one(make_bert: Callable[..., Path], tmp_path: Path) -> None:
    """The message names `--tokenizer`, which is an option of these commands."""
    whole, folder = make_bert("whole"), make_bert("part")
    for path in folder.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(UserError, match="has no vocabulary") as caught:
        open_model(folder, "cpu", with_task("classification"))
    assert "--tokenizer FOLDER" in caught.value.todo
    assert open_model(folder, "cpu", with_task("classification", tokenizer=str(whole))).task.classes


def test_texts_that_the_tokenizer_does_not_know_are_refused(make_bert: Callable[..., Path], tmp_path: Path) -> None:
    """Before anything is predicted."""
    data = tmp_path / "data.csv"
    data.write_text(
        "문장,라벨\n" + "".join(f"{sign * 3},LABEL_{number % 2}\n" for number, sign in enumerate("漢字語文"))
    )
    with pytest.raises(UserError, match=r"of the source tokens in data\.csv are unknown"):
        evaluate(
            make_bert(),
            data,
            2,
            options=with_task("classification", "columns.source=문장", "columns.target=라벨"),
        )


def test_starts_of_training_and_generation_are_checked(tiny_base: Path) -> None:
    """As `tune` does; so are lengths, languages and labels that the model does not have."""
    for text, says in (
        ("decoder_start_token_id=7", ""),
        ("forced_bos_token_id=7", "generation forces"),
        ("eos_token_id=7", "generation ends at"),
        ("max_new_tokens=5000", "at most 1024: model|at most [0-9]+: model"),
        ("max_source_length=5000", "5000 tokens"),
        ("source_language=ko_KR", "source_language"),
        ("correct_labels=true", "the labels are unknown"),
    ):
        options = ModelOptions(("max_source_length=64", text), "seq2seq")
        if not says:
            assert open_model(tiny_base, "cpu", options)
            continue
        with pytest.raises(UserError, match=says):
            open_model(tiny_base, "cpu", options)


@pytest.mark.parametrize(
    ("task", "text", "says"),
    [
        ("classification", "num_beams=4", "num_beams: not an option of a trained model"),
        ("classification", "rouge_tokenizer=kiwi", "has no effect on a model for classification"),
        ("classification", "correct_labels=true", "has no effect on a model for classification"),
        ("classification", "decimals=1", "has no effect on a model for classification"),
        ("seq2seq", "learning_rate=1", "learning_rate: not an option of a trained model"),
        ("seq2seq", "model.dropout=0.1", "not an option of a trained model"),
        ("seq2seq", "num_beems=4", "did you mean 'num_beams'"),
        ("seq2seq", "columns.sorce=text", "did you mean 'source'|unknown key 'columns.sorce'"),
        ("seq2seq", "seed=1", "do not read seed"),
        ("seq2seq", "train_file=a.csv", "do not read train_file"),
        ("seq2seq", "columns={source: text}", "sets a whole section"),
        ("seq2seq", "num_beams", "has no KEY="),
        ("sumary", "num_beams=4", "--task sumary: task 'sumary' is unknown"),
    ],
)
def test_a_setting_without_effect_is_refused(task: str, text: str, says: str, tmp_path: Path) -> None:
    """Before the model is read, which does not even exist here."""
    with pytest.raises(UserError) as caught:
        open_model(tmp_path / "nothing", "cpu", ModelOptions((text,), task))
    assert re.search(says, str(caught.value))
