"""Base models: prepared once and atomically; trials get independent copies."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    MT5Config,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
)

from foundation.errors import UserError
from tests.trainables.weights import TEXTS, same_weights
from trainables.models import base_models
from trainables.models.base_models import BaseModels, Recipe, prepare_base
from trainables.models.hub import load_model, load_tokenizer
from trainables.models.model_checks import check_model
from trainables.models.weight_tying import keep_untied
from trainables.tasks.registry import make_task
from trainables.training.parameters import model_variant

SEQ2SEQ = make_task("seq2seq", {})


def test_korean_text_is_decoded_unchanged(tiny_base: Path, tiny_rows: dict[str, list[dict[str, str]]]) -> None:
    """Every summary that the tokenizer was trained on has the same text after encoding and decoding."""
    tokenizer = load_tokenizer(str(tiny_base))
    targets = [row["target"] for row in tiny_rows["train"]]
    assert tokenizer.batch_decode(tokenizer(targets)["input_ids"]) == targets


def test_special_tokens_are_never_split_and_not_skipped_in_decoding(tiny_base: Path) -> None:
    """Each has one id anywhere in a word; decoding skips only the tokenizer's own special tokens."""
    tokenizer = load_tokenizer(str(tiny_base))
    text = "#Person1#: 안녕 #Person2#는 가#Person1#"
    ids = tokenizer(text)["input_ids"]
    speakers = tokenizer.convert_tokens_to_ids(["#Person1#", "#Person2#", "#Person1#"])
    assert [token for token in ids if token in speakers] == speakers
    decoded = tokenizer.decode([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], skip_special_tokens=True)
    assert "".join(decoded.split()) == "".join(text.split())


def test_decoding_adds_no_blank_after_a_special_token(tiny_base: Path) -> None:
    """`#Person2#는` is one word in references, and must be one in predictions."""
    tokenizer = load_tokenizer(str(tiny_base))
    text = "#Person1#: 안녕 #Person2#는 가#Person1#"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_base_model_has_a_row_for_every_token(tiny_base: Path) -> None:
    """Special tokens are included."""
    assert load_model(str(tiny_base)).get_input_embeddings().num_embeddings == len(load_tokenizer(str(tiny_base)))


def test_embeddings_grow_only_with_new_tokens(tiny_base: Path, tmp_path: Path) -> None:
    """An existing token gets no second row; old rows do not change; new rows depend on the seed."""
    rows = []
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        folder = tmp_path / name
        prepare_base(folder, Recipe(str(tiny_base), special_tokens=("#Person1#", "#Address#"), seed=seed), SEQ2SEQ, ())
        rows.append(load_model(str(folder)).get_input_embeddings().weight)
    before = load_model(str(tiny_base)).get_input_embeddings().weight
    assert {len(weight) for weight in rows} == {len(before) + 1}
    assert all(torch.equal(weight[:-1], before) for weight in rows)
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])
    assert load_tokenizer(str(tmp_path / "first")).tokenize("#Address#") == ["#Address#"]


@pytest.fixture(scope="module", params=[T5Config, MT5Config])
def two_matrices(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 like the published T5 1.1 and mT5: the output matrix is not the embedding, as the configuration states."""
    words = load_tokenizer(str(tiny_base))
    config = request.param(
        vocab_size=len(words), d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=4, decoder_start_token_id=0
    )
    folder = tmp_path_factory.mktemp(request.param.model_type)
    model = AutoModelForSeq2SeqLM.from_config(config)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    weights = model.state_dict() | {"lm_head.weight": torch.randn(len(words), 16)}
    split_by = {name: weight.clone() for name, weight in weights.items() if "embed_tokens" not in name}
    save_file(split_by, folder / "model.safetensors", {"format": "pt"})
    fields = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": False}
    fields.pop("scale_decoder_outputs", None)
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def test_a_separate_output_matrix_survives_an_override(two_matrices: Path) -> None:
    """transformers ties the matrices of a model it builds from the configuration; both trained matrices must remain."""
    loaded = load_model(str(two_matrices))
    assert not torch.equal(loaded.lm_head.weight, loaded.shared.weight)
    for overrides in ({}, {"dropout_rate": 0.3}):
        model = BaseModels().copy_of(str(two_matrices), overrides, SEQ2SEQ, None)
        assert same_weights(model, loaded)
        assert model.get_input_embeddings().weight is model.encoder.get_input_embeddings().weight
        assert model.lm_head.weight is not model.shared.weight
    assert model.config.dropout_rate == 0.3


def test_a_separate_output_matrix_grows_with_the_embedding(two_matrices: Path, tmp_path: Path) -> None:
    """Special tokens are added, and the model is saved and loaded again."""
    prepare_base(tmp_path / "base", Recipe(str(two_matrices), special_tokens=("#Address#",)), SEQ2SEQ, ())
    before, after = load_model(str(two_matrices)), load_model(str(tmp_path / "base"))
    for name in ("shared.weight", "lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        grown, old = after.get_parameter(name), before.get_parameter(name)
        assert len(grown) == len(old) + 1
        assert torch.equal(grown[:-1], old)
    assert after.get_input_embeddings().weight is after.encoder.get_input_embeddings().weight


def test_a_network_without_an_output_matrix_grows(tmp_path: Path) -> None:
    """RNN and CNN have no `tie_word_embeddings`."""
    choosing = make_task("classification", {"labels": ["0", "1"]})
    prepare_base(tmp_path / "one", Recipe("scratch:tiny", "cnn"), choosing, TEXTS)
    prepare_base(tmp_path / "two", Recipe(str(tmp_path / "one"), special_tokens=("#Address#",)), choosing, ())
    one, two = (
        load_model(str(tmp_path / name), choosing.auto_model).get_input_embeddings().weight for name in ("one", "two")
    )
    assert len(two) == len(one) + 1
    assert torch.equal(two[:-1], one)


def test_an_override_can_untie_the_matrices(tiny_base: Path, tmp_path: Path) -> None:
    """transformers recommends this for a BART whose file has two matrices."""
    loaded = load_model(str(tiny_base))
    weights = {name: weight.clone() for name, weight in loaded.state_dict().items() if "embed_tokens" not in name}
    weights["lm_head.weight"] = torch.randn_like(weights["lm_head.weight"])
    loaded.config.save_pretrained(tmp_path)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    two = BaseModels().copy_of(str(tmp_path), {"tie_word_embeddings": False}, SEQ2SEQ, None)
    assert torch.equal(two.lm_head.weight, weights["lm_head.weight"])
    assert torch.equal(two.get_input_embeddings().weight, weights["model.shared.weight"])


def test_an_override_cannot_tie_separate_matrices(tiny_base: Path, tmp_path: Path) -> None:
    """Trained weights would be lost; this is refused before a trial starts, and by a trial."""
    loaded = load_model(str(tiny_base))
    weights = {name: weight.clone() for name, weight in loaded.state_dict().items()}
    loaded.config.tie_word_embeddings = False
    loaded.config.save_pretrained(tmp_path)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    load_tokenizer(str(tiny_base)).save_pretrained(tmp_path)
    tied = {"tie_word_embeddings": True}
    with pytest.raises(UserError, match=r"separately trained weights would be lost: lm_head\.weight"):
        BaseModels().copy_of(str(tmp_path), tied, SEQ2SEQ, None)
    with pytest.raises(UserError, match=r"separately trained weights would be lost: lm_head\.weight"):
        check_model(
            str(tmp_path),
            "bart",
            SEQ2SEQ,
            map(model_variant, [{f"model.{name}": value for name, value in tied.items()}]),
        )
    assert BaseModels().copy_of(str(tiny_base), tied, SEQ2SEQ, None) is not None  # they are tied already


def test_a_saved_model_states_that_its_matrices_are_separate(two_matrices: Path, tmp_path: Path) -> None:
    """Other programs rely on the field; the loaded model is the same."""
    prepare_base(tmp_path / "base", Recipe(str(two_matrices)), SEQ2SEQ, ())
    fields = json.loads((tmp_path / "base" / "config.json").read_text())
    before, after = load_model(str(two_matrices)), load_model(str(tmp_path / "base"))
    assert fields["tie_word_embeddings"] is bool(getattr(before.config, "scale_decoder_outputs", False))
    assert same_weights(before, after)
    configs = [{**model.config.to_dict(), "_name_or_path": ""} for model in (before, after)]
    assert configs[0] == configs[1]


def test_a_failed_resize_restores_the_configuration(two_matrices: Path) -> None:
    """The field that is changed during the resize is restored."""
    model = load_model(str(two_matrices))
    with pytest.raises(RuntimeError, match="size mismatch"), keep_untied(model):
        model.load_state_dict({"shared.weight": torch.zeros(1, 1)}, strict=False)
    assert model.config.tie_word_embeddings is True


def test_a_scratch_model_can_use_an_existing_tokenizer(tiny_base: Path, tmp_path: Path) -> None:
    """No tokenizer is trained, and the model has the vocabulary of the existing one."""
    folder = tmp_path / "base"
    prepare_base(folder, Recipe("scratch:tiny", tokenizer=str(tiny_base)), SEQ2SEQ, ())
    vocabulary = load_tokenizer(str(tiny_base)).get_vocab()
    assert load_tokenizer(str(folder)).get_vocab() == vocabulary
    assert load_model(str(folder)).config.vocab_size == len(vocabulary)


def test_a_base_model_is_written_atomically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails, a new folder does not exist, and an old one is unchanged."""
    new, old = tmp_path / "new", tmp_path / "old"
    old.mkdir()
    (old / "config.json").write_text("{}")

    def full_disk(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(PreTrainedTokenizerBase, "save_pretrained", full_disk)
    for folder in (new, old):
        with pytest.raises(OSError, match="no space left"):
            prepare_base(folder, Recipe("scratch:tiny"), SEQ2SEQ, TEXTS)
    assert not new.exists()
    assert [path.name for path in old.iterdir()] == ["config.json"]


def test_a_base_model_is_replaced_completely(tiny_base: Path, tmp_path: Path) -> None:
    """No old file remains in the folder, and no temporary file beside it."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "evaluations_without_improvement.bin").write_bytes(b"old")
    prepare_base(folder, Recipe(str(tiny_base)), SEQ2SEQ, ())
    assert not (folder / "evaluations_without_improvement.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("overrides", [{}, {"dropout": 0.3}])
def test_copies_are_independent(overrides: dict[str, Any], tiny_base: Path) -> None:
    """Weights, configuration and generation config are independent of the base and of each other; ties remain."""
    models = BaseModels()
    first, second = (models.copy_of(str(tiny_base), overrides, SEQ2SEQ, None) for _ in range(2))
    assert same_weights(first, second)
    with torch.no_grad():
        for weight in first.parameters():
            weight.add_(1.0)
    first.config.dropout = 0.9
    first.generation_config.num_beams = 9
    third = models.copy_of(str(tiny_base), overrides, SEQ2SEQ, None)
    for other in (second, third):
        assert same_weights(other, load_model(str(tiny_base)))
        assert other.config.dropout == overrides.get("dropout", 0.1)  # BART's own
        assert other.generation_config.num_beams != 9
        assert other.get_output_embeddings().weight is other.get_input_embeddings().weight


def test_a_base_model_is_loaded_once(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other overrides reuse it; another base model replaces it in memory."""
    read: list[str] = []

    def counted(folder: str, auto_model: Any, **options: Any) -> PreTrainedModel:
        read.append(folder)
        return load_model(folder, auto_model, **options)

    monkeypatch.setattr(base_models, "load_model", counted)
    models = BaseModels()
    one, two = str(tiny_base), f"{tiny_base}/../{tiny_base.name}"
    overrides: Sequence[dict[str, Any]] = ({}, {"dropout": 0.2}, {})
    for changes in overrides:
        models.copy_of(one, changes, SEQ2SEQ, None)
    assert read == [one]
    models.copy_of(two, {}, SEQ2SEQ, None)
    models.copy_of(one, {}, SEQ2SEQ, None)
    assert read == [one, two, one]


def test_dropout_can_be_overridden(tiny_base: Path) -> None:
    """The layers have the new value, the weights are the base's, and the next trial has BART's own 0.1 again."""
    base, models = load_model(str(tiny_base)), BaseModels()
    model = models.copy_of(str(tiny_base), {"dropout": 0.3, "attention_dropout": 0.2}, SEQ2SEQ, None)
    assert {layer.dropout for layer in model.model.encoder.layers} == {0.3}
    assert {layer.self_attn.dropout for layer in model.model.decoder.layers} == {0.2}
    assert same_weights(model, base)
    assert model.generation_config.to_dict() == base.generation_config.to_dict()
    assert models.copy_of(str(tiny_base), {}, SEQ2SEQ, None).config.dropout == 0.1


@pytest.mark.parametrize("override", [{"d_model": 48}, {"encoder_layers": 1}, {"decoder_layers": 3}, {"vocab_size": 9}])
def test_an_override_that_changes_shapes_is_refused(override: dict[str, Any], tiny_base: Path) -> None:
    """Otherwise some weights would be fresh or lost."""
    with pytest.raises(UserError, match=f"model.{next(iter(override))} = .* does not fit the model") as caught:
        BaseModels().copy_of(str(tiny_base), override, SEQ2SEQ, None)
    assert "dropout" in caught.value.allowed


def test_an_override_of_an_unknown_field_is_refused(tiny_base: Path) -> None:
    """A misspelt field would have no effect for the whole search."""
    with pytest.raises(UserError, match=r"model\.dropot is not a field of BartConfig") as caught:
        BaseModels().copy_of(str(tiny_base), {"dropot": 0.3}, SEQ2SEQ, None)
    assert caught.value.todo == "did you mean 'dropout'?"


@pytest.mark.parametrize(
    "override", [{"encoder_attention_heads": 5}, {"dropout": "much"}, {"activation_function": "gellu"}]
)
def test_an_invalid_override_is_refused(override: dict[str, Any], tiny_base: Path) -> None:
    """96 is not divisible by 5 heads; "much" is no probability; the activation gellu does not exist."""
    with pytest.raises(UserError):
        BaseModels().copy_of(str(tiny_base), override, SEQ2SEQ, None)


def test_a_prepared_folder_loads_with_from_pretrained(tiny_base: Path) -> None:
    """It has weights in safetensors, configuration, generation config and tokenizer."""
    names = {path.name for path in tiny_base.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"} <= names
    assert AutoTokenizer.from_pretrained(tiny_base).eos_token == "</s>"
