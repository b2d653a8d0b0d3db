"""Base models: made once, whole or not at all; trials get copies that share nothing but their weights' values."""

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

WRITING = make_task("seq2seq", {})


def test_korean_comes_back_from_the_base_tokenizer(tiny_base: Path, tiny_rows: dict[str, list[dict[str, str]]]) -> None:
    """Every summary it was trained on, letter by letter."""
    tokenizer = load_tokenizer(str(tiny_base))
    targets = [row["target"] for row in tiny_rows["train"]]
    assert tokenizer.batch_decode(tokenizer(targets)["input_ids"]) == targets


def test_special_tokens_are_never_cut_and_stay_in_decoded_text(tiny_base: Path) -> None:
    """One id each, at any place in a word; what is skipped in decoding are the tokenizer's own tokens."""
    tokenizer = load_tokenizer(str(tiny_base))
    text = "#Person1#: 안녕 #Person2#는 가#Person1#"
    ids = tokenizer(text)["input_ids"]
    speakers = tokenizer.convert_tokens_to_ids(["#Person1#", "#Person2#", "#Person1#"])
    assert [token for token in ids if token in speakers] == speakers
    decoded = tokenizer.decode([tokenizer.bos_token_id, *ids, tokenizer.eos_token_id], skip_special_tokens=True)
    assert "".join(decoded.split()) == "".join(text.split())


def test_no_blank_is_put_after_a_special_token(tiny_base: Path) -> None:
    """`#Person2#는` is one word, in the reference and so in the prediction."""
    tokenizer = load_tokenizer(str(tiny_base))
    text = "#Person1#: 안녕 #Person2#는 가#Person1#"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_a_base_model_has_a_row_for_every_token(tiny_base: Path) -> None:
    """Special tokens included."""
    assert load_model(str(tiny_base)).get_input_embeddings().num_embeddings == len(load_tokenizer(str(tiny_base)))


def test_embeddings_grow_with_new_tokens_only(tiny_base: Path, tmp_path: Path) -> None:
    """A token that is there already takes no second row; old rows stay; new ones are drawn from the seed."""
    rows = []
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        folder = tmp_path / name
        prepare_base(folder, Recipe(str(tiny_base), special_tokens=("#Person1#", "#Address#"), seed=seed), WRITING, ())
        rows.append(load_model(str(folder)).get_input_embeddings().weight)
    before = load_model(str(tiny_base)).get_input_embeddings().weight
    assert {len(weight) for weight in rows} == {len(before) + 1}
    assert all(torch.equal(weight[:-1], before) for weight in rows)
    assert torch.equal(rows[0], rows[1])
    assert not torch.equal(rows[0], rows[2])
    assert load_tokenizer(str(tmp_path / "first")).tokenize("#Address#") == ["#Address#"]


@pytest.fixture(scope="module", params=[T5Config, MT5Config])
def two_matrices(request: pytest.FixtureRequest, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 as T5 1.1 and mT5 are published: the output matrix is not the embedding, and the configuration says so."""
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
    said = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": False}
    said.pop("scale_decoder_outputs", None)
    (folder / "config.json").write_text(json.dumps(said))
    return folder


def test_an_output_matrix_of_its_own_outlives_an_override(two_matrices: Path) -> None:
    """transformers ties what it makes of the configuration; the trained matrices stay two, each as it was."""
    loaded = load_model(str(two_matrices))
    assert not torch.equal(loaded.lm_head.weight, loaded.shared.weight)
    for overrides in ({}, {"dropout_rate": 0.3}):
        model = BaseModels().copy_of(str(two_matrices), overrides, WRITING, None)
        assert same_weights(model, loaded)
        assert model.get_input_embeddings().weight is model.encoder.get_input_embeddings().weight
        assert model.lm_head.weight is not model.shared.weight
    assert model.config.dropout_rate == 0.3


def test_an_output_matrix_of_its_own_grows_beside_the_embedding(two_matrices: Path, tmp_path: Path) -> None:
    """With special tokens added, saved, and loaded again."""
    prepare_base(tmp_path / "base", Recipe(str(two_matrices), special_tokens=("#Address#",)), WRITING, ())
    before, after = load_model(str(two_matrices)), load_model(str(tmp_path / "base"))
    for name in ("shared.weight", "lm_head.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
        grown, old = after.get_parameter(name), before.get_parameter(name)
        assert len(grown) == len(old) + 1
        assert torch.equal(grown[:-1], old)
    assert after.get_input_embeddings().weight is after.encoder.get_input_embeddings().weight


def test_a_network_without_an_output_matrix_grows(tmp_path: Path) -> None:
    """RNN and CNN have no field that would tie anything."""
    choosing = make_task("classification", {"labels": ["0", "1"]})
    prepare_base(tmp_path / "one", Recipe("scratch:tiny", "cnn"), choosing, TEXTS)
    prepare_base(tmp_path / "two", Recipe(str(tmp_path / "one"), special_tokens=("#Address#",)), choosing, ())
    one, two = (
        load_model(str(tmp_path / name), choosing.auto_model).get_input_embeddings().weight for name in ("one", "two")
    )
    assert len(two) == len(one) + 1
    assert torch.equal(two[:-1], one)


def test_matrices_may_be_told_to_be_two(tiny_base: Path, tmp_path: Path) -> None:
    """What transformers advises for a BART whose file holds two."""
    loaded = load_model(str(tiny_base))
    weights = {name: weight.clone() for name, weight in loaded.state_dict().items() if "embed_tokens" not in name}
    weights["lm_head.weight"] = torch.randn_like(weights["lm_head.weight"])
    loaded.config.save_pretrained(tmp_path)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    two = BaseModels().copy_of(str(tmp_path), {"tie_word_embeddings": False}, WRITING, None)
    assert torch.equal(two.lm_head.weight, weights["lm_head.weight"])
    assert torch.equal(two.get_input_embeddings().weight, weights["model.shared.weight"])


def test_two_matrices_are_not_told_to_be_one(tiny_base: Path, tmp_path: Path) -> None:
    """One of what was learned would be lost: refused before a trial starts, and by a trial."""
    loaded = load_model(str(tiny_base))
    weights = {name: weight.clone() for name, weight in loaded.state_dict().items() if "embed_tokens" not in name}
    loaded.config.tie_word_embeddings = False
    loaded.config.save_pretrained(tmp_path)
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    load_tokenizer(str(tiny_base)).save_pretrained(tmp_path)
    tied = {"tie_word_embeddings": True}
    with pytest.raises(UserError, match=r"separately trained weights would be lost: lm_head\.weight"):
        BaseModels().copy_of(str(tmp_path), tied, WRITING, None)
    with pytest.raises(UserError, match=r"separately trained weights would be lost: lm_head\.weight"):
        check_model(
            str(tmp_path),
            "bart",
            WRITING,
            map(model_variant, [{f"model.{name}": value for name, value in tied.items()}]),
        )
    assert BaseModels().copy_of(str(tiny_base), tied, WRITING, None) is not None  # it is so already


def test_a_saved_model_says_that_its_matrices_are_two(two_matrices: Path, tmp_path: Path) -> None:
    """For readers that trust the field; read back, the model is the same."""
    prepare_base(tmp_path / "base", Recipe(str(two_matrices)), WRITING, ())
    said = json.loads((tmp_path / "base" / "config.json").read_text())
    before, after = load_model(str(two_matrices)), load_model(str(tmp_path / "base"))
    assert said["tie_word_embeddings"] is bool(getattr(before.config, "scale_decoder_outputs", False))
    assert same_weights(before, after)
    fields = [{**model.config.to_dict(), "_name_or_path": ""} for model in (before, after)]
    assert fields[0] == fields[1]


def test_a_failed_resize_leaves_the_configuration(two_matrices: Path) -> None:
    """What is changed for the time of it is put back."""
    model = load_model(str(two_matrices))
    with pytest.raises(RuntimeError, match="size mismatch"), keep_untied(model):
        model.load_state_dict({"shared.weight": torch.zeros(1, 1)}, strict=False)
    assert model.config.tie_word_embeddings is True


def test_a_tokenizer_of_ones_own_serves_a_scratch_model(tiny_base: Path, tmp_path: Path) -> None:
    """Then none is trained, and the model has its vocabulary."""
    folder = tmp_path / "base"
    prepare_base(folder, Recipe("scratch:tiny", tokenizer=str(tiny_base)), WRITING, ())
    vocabulary = load_tokenizer(str(tiny_base)).get_vocab()
    assert load_tokenizer(str(folder)).get_vocab() == vocabulary
    assert load_model(str(folder)).config.vocab_size == len(vocabulary)


def test_a_base_model_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails, the folder is not there, and an old one stays as it was."""
    new, old = tmp_path / "new", tmp_path / "old"
    old.mkdir()
    (old / "config.json").write_text("{}")

    def full_disk(*args: Any, **kwargs: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(PreTrainedTokenizerBase, "save_pretrained", full_disk)
    for folder in (new, old):
        with pytest.raises(OSError, match="no space left"):
            prepare_base(folder, Recipe("scratch:tiny"), WRITING, TEXTS)
    assert not new.exists()
    assert [path.name for path in old.iterdir()] == ["config.json"]


def test_a_base_model_is_replaced_whole(tiny_base: Path, tmp_path: Path) -> None:
    """Nothing of what stood in the folder before is left, and nothing beside it."""
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "evaluations_without_improvement.bin").write_bytes(b"old")
    prepare_base(folder, Recipe(str(tiny_base)), WRITING, ())
    assert not (folder / "evaluations_without_improvement.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


@pytest.mark.parametrize("overrides", [{}, {"dropout": 0.3}])
def test_copies_are_independent(overrides: dict[str, Any], tiny_base: Path) -> None:
    """Of the base and of each other: weights, configuration and generation config; tied weights stay tied."""
    kept = BaseModels()
    first, second = (kept.copy_of(str(tiny_base), overrides, WRITING, None) for _ in range(2))
    assert same_weights(first, second)
    with torch.no_grad():
        for weight in first.parameters():
            weight.add_(1.0)
    first.config.dropout = 0.9
    first.generation_config.num_beams = 9
    third = kept.copy_of(str(tiny_base), overrides, WRITING, None)
    for other in (second, third):
        assert same_weights(other, load_model(str(tiny_base)))
        assert other.config.dropout == overrides.get("dropout", 0.1)  # BART's own
        assert other.generation_config.num_beams != 9
        assert other.get_output_embeddings().weight is other.get_input_embeddings().weight


def test_a_base_is_read_from_disk_once(tiny_base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also for other overrides; another base takes the place of the first in memory."""
    read: list[str] = []

    def counted(folder: str, auto_model: Any, **given: Any) -> PreTrainedModel:
        read.append(folder)
        return load_model(folder, auto_model, **given)

    monkeypatch.setattr(base_models, "load_model", counted)
    kept = BaseModels()
    one, two = str(tiny_base), f"{tiny_base}/../{tiny_base.name}"
    overrides: Sequence[dict[str, Any]] = ({}, {"dropout": 0.2}, {})
    for changes in overrides:
        kept.copy_of(one, changes, WRITING, None)
    assert read == [one]
    kept.copy_of(two, {}, WRITING, None)
    kept.copy_of(one, {}, WRITING, None)
    assert read == [one, two, one]


def test_dropout_can_be_overridden(tiny_base: Path) -> None:
    """It reaches the layers, the weights are those of the base, and the next trial has BART's own 0.1 again."""
    base, kept = load_model(str(tiny_base)), BaseModels()
    model = kept.copy_of(str(tiny_base), {"dropout": 0.3, "attention_dropout": 0.2}, WRITING, None)
    assert {layer.dropout for layer in model.model.encoder.layers} == {0.3}
    assert {layer.self_attn.dropout for layer in model.model.decoder.layers} == {0.2}
    assert same_weights(model, base)
    assert model.generation_config.to_dict() == base.generation_config.to_dict()
    assert kept.copy_of(str(tiny_base), {}, WRITING, None).config.dropout == 0.1


@pytest.mark.parametrize("override", [{"d_model": 48}, {"encoder_layers": 1}, {"decoder_layers": 3}, {"vocab_size": 9}])
def test_an_override_that_changes_shapes_is_refused(override: dict[str, Any], tiny_base: Path) -> None:
    """Rather than leave weights fresh or out."""
    with pytest.raises(UserError, match=f"model.{next(iter(override))} = .* does not fit the model") as caught:
        BaseModels().copy_of(str(tiny_base), override, WRITING, None)
    assert "dropout" in caught.value.allowed


def test_an_override_of_nothing_is_refused(tiny_base: Path) -> None:
    """A misspelt field would change nothing, all night."""
    with pytest.raises(UserError, match=r"model\.dropot is not a field of BartConfig") as caught:
        BaseModels().copy_of(str(tiny_base), {"dropot": 0.3}, WRITING, None)
    assert caught.value.todo == "did you mean 'dropout'?"


@pytest.mark.parametrize(
    "override", [{"encoder_attention_heads": 5}, {"dropout": "much"}, {"activation_function": "gellu"}]
)
def test_an_override_that_no_model_can_be_made_of_is_refused(override: dict[str, Any], tiny_base: Path) -> None:
    """96 does not divide by 5 heads; a word is no dropout; there is no gellu."""
    with pytest.raises(UserError):
        BaseModels().copy_of(str(tiny_base), override, WRITING, None)


def test_a_prepared_folder_is_all_that_others_need(tiny_base: Path) -> None:
    """Weights in safetensors, configuration, generation config and tokenizer, for `from_pretrained` alone."""
    names = {path.name for path in tiny_base.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json"} <= names
    assert AutoTokenizer.from_pretrained(tiny_base).eos_token == "</s>"
