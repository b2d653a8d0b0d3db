"""What is wrong with a model is found before a trial starts, without its weights."""

from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig, BertForSequenceClassification, RobertaConfig, T5Config

from foundation.errors import UserError, UserErrors
from trainables.models.model_checks import check_model, rebuild_config
from trainables.tasks.registry import make_task
from trainables.training.parameters import model_variant

WRITING = make_task("seq2seq", {})
CHOOSING = make_task("classification", {"labels": ["0", "1"]})
SMALL = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


def test_a_model_without_a_decoder_is_refused(tmp_path: Path, tiny_base: Path) -> None:
    """Before any weights are loaded; encoder-decoders and scratch sizes pass."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="is a bert, which has no decoder"):
        check_model(str(tmp_path), "bart", WRITING)
    check_model(str(tiny_base), "bart", WRITING)
    check_model("scratch:tiny", "bart", WRITING)
    with pytest.raises(UserError, match="no size"):
        check_model("scratch:huge", "bart", WRITING)


@pytest.mark.parametrize(
    ("architecture", "config", "told"),
    [
        ("cnn", {"model.dropout": 2.0}, "model.dropout = 2.0 does not fit the model: it is a probability"),
        ("cnn", {"model.dropout": 1.0}, "dropout 1.0 is not a number from 0 to below 1"),
        ("bart", {"model.dropout": "much"}, "model.dropout = 'much' does not fit the model"),
        ("bart", {"model.encoder_attention_heads": 5}, "embed_dim must be divisible by num_heads"),
        ("bart", {"model.encoder_attention_heads": 0}, "model.encoder_attention_heads = 0 does not fit the model"),
        ("bart", {"model.activation_function": "gellu"}, "does not fit the model: unknown 'gellu'"),
        ("bart", {"model.max_position_embeddings": 16}, "17 tokens"),
        ("cnn", {"model.num_labels": 5}, "model.num_labels = 5 does not fit the model: it is set from"),
        ("cnn", {"model.vocab_size": 9}, "model.vocab_size = 9 does not fit the model: it is set from"),
        ("t5", {"model.dropout_rate": 2.0}, "model.dropout_rate = 2.0 does not fit the model: it is a probability"),
        ("bert", {"freeze_layers": 3}, "freeze_layers: 3"),
        ("bert", {"model.num_hidden_layers": 1, "freeze_layers": 2}, "freeze_layers: 2"),
        ("rnn", {"model.layers": 3}, "model.layers is not a field of RnnConfig"),
    ],
)
def test_what_no_model_can_be_made_of_is_refused(architecture: str, config: dict[str, Any], told: str) -> None:
    """Each of them would end every trial that has it."""
    task = WRITING if architecture in ("bart", "t5") else CHOOSING
    check_model("scratch:tiny", architecture, task, map(model_variant, [{}, {"learning_rate": 1.0}]))
    with pytest.raises(UserError) as caught:
        check_model("scratch:tiny", architecture, task, map(model_variant, [{}, config]), longest=17)
    assert told in caught.value.problem


def test_all_that_cannot_be_is_told_at_once() -> None:
    """Not one in each run."""
    with pytest.raises(UserErrors) as caught:
        check_model(
            "scratch:tiny", "cnn", CHOOSING, map(model_variant, [{"model.dropout": 2.0}, {}, {"model.num_filters": 0}])
        )
    assert [error.problem.split(" does not")[0] for error in caught.value.problems] == [
        "model.dropout = 2.0",
        "model.num_filters = 0",
    ]


def test_one_mistake_in_every_configuration_is_told_once() -> None:
    """A dropout that cannot be, beside four numbers of filters that are searched."""
    configs = [{"model.dropout": 7, "model.num_filters": 8 * number} for number in range(1, 5)]
    with pytest.raises(UserError, match="it is a probability") as caught:
        check_model("scratch:tiny", "cnn", CHOOSING, map(model_variant, configs))
    assert str(caught.value).count("it is a probability") == 1


def test_a_misfit_beside_a_searched_field_is_told_once() -> None:
    """The message names every field that the configuration gave, but there is one thing to mend."""
    configs = [{"model.encoder_attention_heads": 5, "model.dropout": 0.1 * number} for number in range(1, 5)]
    with pytest.raises(UserError, match="embed_dim must be divisible") as caught:
        check_model("scratch:tiny", "bart", WRITING, map(model_variant, configs))
    assert str(caught.value).count("must be divisible") == 1


def test_a_value_that_a_field_does_not_take_is_refused() -> None:
    """T5 reads `tie_word_embeddings: false` as: do not scale the outputs; it stays tied."""
    with pytest.raises(UserError, match="T5Config keeps tie_word_embeddings at True"):
        check_model("scratch:tiny", "t5", WRITING, map(model_variant, [{"model.tie_word_embeddings": False}]))


def test_more_positions_may_be_asked_for() -> None:
    """Of fresh weights."""
    check_model(
        "scratch:tiny", "bart", WRITING, map(model_variant, [{"model.max_position_embeddings": 2048}]), longest=1026
    )
    with pytest.raises(UserError, match="1500 tokens"):
        check_model(
            "scratch:tiny",
            "bart",
            WRITING,
            map(model_variant, [{}, {"model.max_position_embeddings": 2048}]),
            longest=1500,
        )


def test_what_follows_from_a_field_follows_again() -> None:
    """T5 reads its activation off `feed_forward_proj`; that its outputs are scaled is told by a field that is lost."""
    config = T5Config(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    plain = rebuild_config(config, {"feed_forward_proj": "relu", "dropout_rate": 0.3})
    assert (plain.dense_act_fn, plain.is_gated_act, plain.dropout_rate) == ("relu", False, 0.3)
    assert config.scale_decoder_outputs is plain.scale_decoder_outputs is False
    assert rebuild_config(config, {}).to_dict() == config.to_dict()


def test_a_trained_model_keeps_its_shapes(tmp_path: Path) -> None:
    """Its dropout may be searched and layers frozen; widths and depths are those of its weights."""
    BertForSequenceClassification(BertConfig(**SMALL)).save_pretrained(tmp_path)
    fine = [{"model.hidden_dropout_prob": 0.3}, {"freeze_layers": 2}]
    check_model(str(tmp_path), "bert", CHOOSING, map(model_variant, fine))
    for name, value in (("num_hidden_layers", 1), ("hidden_size", 32)):
        with pytest.raises(UserError, match=f"model.{name} = {value} .*: its weights have other shapes"):
            check_model(str(tmp_path), "bert", CHOOSING, map(model_variant, [*fine, {f"model.{name}": value}]))


def test_positions_are_those_that_can_be_read(tmp_path: Path) -> None:
    """RoBERTa's first two are padding's: of 18 positions it reads 16 tokens. BERT reads as many as it has."""
    for kind, usable in ((RobertaConfig, 16), (BertConfig, 18)):
        kind(**SMALL, max_position_embeddings=18, pad_token_id=1).save_pretrained(tmp_path)
        check_model(str(tmp_path), "bert", CHOOSING, longest=usable)
        with pytest.raises(UserError, match=f"^{usable + 1} tokens.*") as caught:
            check_model(str(tmp_path), "bert", CHOOSING, longest=usable + 1)
        assert f"at most {usable}" in caught.value.allowed
