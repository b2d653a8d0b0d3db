"""Problems of a model are reported before a trial starts, without loading its weights."""

from pathlib import Path
from typing import Any

import pytest
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    EncoderDecoderConfig,
    LEDConfig,
    RobertaConfig,
    T5Config,
)

from foundation.errors import UserError, UserErrors
from trainables.models.model_checks import check_model, rebuild_config
from trainables.tasks.registry import make_task
from trainables.training.parameters import model_variant

SEQ2SEQ = make_task("seq2seq", {})
CLASSIFICATION = make_task("classification", {"labels": ["0", "1"]})
SMALL = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}


def test_a_model_without_a_decoder_is_refused(tmp_path: Path, tiny_base: Path) -> None:
    """It is refused before any weights are loaded; encoder-decoders and scratch sizes pass."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(UserError, match="is of type bert, which has no decoder to generate text"):
        check_model(str(tmp_path), "bart", SEQ2SEQ)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(
        UserError, match="is of type gpt2, a decoder without an encoder that reads the source"
    ) as caught:
        check_model(str(tmp_path), "bart", SEQ2SEQ)
    assert caught.value.allowed == "an encoder-decoder such as BART or T5"
    check_model(str(tiny_base), "bart", SEQ2SEQ)
    check_model("scratch:tiny", "bart", SEQ2SEQ)
    with pytest.raises(UserError, match="size 'huge' does not exist"):
        check_model("scratch:huge", "bart", SEQ2SEQ)


@pytest.mark.parametrize(
    ("architecture", "config", "message"),
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
def test_invalid_overrides_are_refused(architecture: str, config: dict[str, Any], message: str) -> None:
    """Each of them would fail every trial that has it."""
    task = SEQ2SEQ if architecture in ("bart", "t5") else CLASSIFICATION
    check_model("scratch:tiny", architecture, task, map(model_variant, [{}, {"learning_rate": 1.0}]))
    with pytest.raises(UserError) as caught:
        check_model("scratch:tiny", architecture, task, map(model_variant, [{}, config]), longest=17)
    assert message in caught.value.problem


def test_all_problems_are_reported_at_once() -> None:
    """Two invalid overrides give one error with both."""
    with pytest.raises(UserErrors) as caught:
        check_model(
            "scratch:tiny",
            "cnn",
            CLASSIFICATION,
            map(model_variant, [{"model.dropout": 2.0}, {}, {"model.num_filters": 0}]),
        )
    assert [error.problem.split(" does not")[0] for error in caught.value.problems] == [
        "model.dropout = 2.0",
        "model.num_filters = 0",
    ]


def test_a_problem_of_every_configuration_is_reported_once() -> None:
    """An invalid dropout is combined with four numbers of filters that are searched."""
    configs = [{"model.dropout": 7, "model.num_filters": 8 * number} for number in range(1, 5)]
    with pytest.raises(UserError, match="it is a probability") as caught:
        check_model("scratch:tiny", "cnn", CLASSIFICATION, map(model_variant, configs))
    assert str(caught.value).count("it is a probability") == 1


def test_a_problem_is_reported_once_for_all_values_of_another_field() -> None:
    """The message names every field of the configuration, but there is only one problem."""
    configs = [{"model.encoder_attention_heads": 5, "model.dropout": 0.1 * number} for number in range(1, 5)]
    with pytest.raises(UserError, match="embed_dim must be divisible") as caught:
        check_model("scratch:tiny", "bart", SEQ2SEQ, map(model_variant, configs))
    assert str(caught.value).count("must be divisible") == 1


def test_a_value_that_a_field_does_not_keep_is_refused() -> None:
    """T5 reads `tie_word_embeddings: false` as "do not scale the outputs", and stays tied."""
    with pytest.raises(UserError, match="T5Config keeps tie_word_embeddings at True"):
        check_model("scratch:tiny", "t5", SEQ2SEQ, map(model_variant, [{"model.tie_word_embeddings": False}]))


def test_a_scratch_model_can_have_more_positions() -> None:
    """Longer inputs are allowed only if every variant has enough positions."""
    check_model(
        "scratch:tiny", "bart", SEQ2SEQ, map(model_variant, [{"model.max_position_embeddings": 2048}]), longest=1026
    )
    with pytest.raises(UserError, match="1500 tokens"):
        check_model(
            "scratch:tiny",
            "bart",
            SEQ2SEQ,
            map(model_variant, [{}, {"model.max_position_embeddings": 2048}]),
            longest=1500,
        )


def test_derived_fields_are_derived_again() -> None:
    """T5 derives its activation from `feed_forward_proj`, and `scale_decoder_outputs` from a field that it drops."""
    config = T5Config(feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    plain = rebuild_config(config, {"feed_forward_proj": "relu", "dropout_rate": 0.3})
    assert (plain.dense_act_fn, plain.is_gated_act, plain.dropout_rate) == ("relu", False, 0.3)
    assert config.scale_decoder_outputs is plain.scale_decoder_outputs is False
    assert rebuild_config(config, {}).to_dict() == config.to_dict()


def test_a_trained_model_keeps_its_shapes(tmp_path: Path) -> None:
    """Dropout may change and layers may be frozen; widths and depths may not change."""
    BertForSequenceClassification(BertConfig(**SMALL)).save_pretrained(tmp_path)
    fine = [{"model.hidden_dropout_prob": 0.3}, {"freeze_layers": 2}]
    check_model(str(tmp_path), "bert", CLASSIFICATION, map(model_variant, fine))
    for name, value in (("num_hidden_layers", 1), ("hidden_size", 32)):
        with pytest.raises(UserError, match=f"model.{name} = {value} .*: its weights have other shapes"):
            check_model(str(tmp_path), "bert", CLASSIFICATION, map(model_variant, [*fine, {f"model.{name}": value}]))


def test_positions_are_those_that_can_be_read(tmp_path: Path) -> None:
    """RoBERTa's first two are padding's: of 18 positions it reads 16 tokens. BERT reads as many as it has."""
    for kind, usable in ((RobertaConfig, 16), (BertConfig, 18)):
        kind(**SMALL, max_position_embeddings=18, pad_token_id=1).save_pretrained(tmp_path)
        check_model(str(tmp_path), "bert", CLASSIFICATION, longest=usable)
        with pytest.raises(UserError, match=f"^{usable + 1} tokens.*") as caught:
            check_model(str(tmp_path), "bert", CLASSIFICATION, longest=usable + 1)
        assert f"at most {usable}" in caught.value.allowed


def test_both_sides_of_an_encoder_decoder_have_their_positions(tmp_path: Path) -> None:
    """LED names them per side, and a joined model has a configuration per side."""
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "attention_window": 4, "vocab_size": 30}
    positions = {"max_encoder_position_embeddings": 16, "max_decoder_position_embeddings": 8}
    LEDConfig(**sizes, **heads, **positions).save_pretrained(tmp_path / "led")
    encoder = BertConfig(**SMALL, max_position_embeddings=16)
    decoder = BertConfig(**SMALL, max_position_embeddings=8, is_decoder=True, add_cross_attention=True)
    joined = EncoderDecoderConfig(encoder=encoder.to_dict(), decoder=decoder.to_dict())
    joined.save_pretrained(tmp_path / "joined")
    for name in ("led", "joined"):
        check_model(str(tmp_path / name), "bart", SEQ2SEQ, longest=16, longest_target=8)
        with pytest.raises(UserError, match=r"^17 tokens \(max_source_length\)\n.*at most 16"):
            check_model(str(tmp_path / name), "bart", SEQ2SEQ, longest=17, longest_target=8)
        with pytest.raises(UserError, match=r"^9 tokens \(max_target_length, .*\n.*at most 8"):
            check_model(str(tmp_path / name), "bart", SEQ2SEQ, longest=16, longest_target=9)


def test_the_decoder_of_a_classifier_reads_the_source() -> None:
    """Its limit is that of the source, too."""
    with pytest.raises(UserError, match=r"^1027 tokens \(max_source_length\)\n.*at most 1026"):
        check_model("scratch:tiny", "bart", CLASSIFICATION, longest=1027)
