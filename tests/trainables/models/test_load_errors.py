"""Whatever a library raises for damaged files is one message with the files, for models and for tokenizers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foundation.durable import StorageLost
from foundation.errors import UserError
from trainables.models.hub import load_config, load_model, load_tokenizer
from trainables.models.load_errors import MODEL_FILES, is_panic, load_errors


class PanicException(BaseException):
    """A stand-in for the class of pyo3, which has this name."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Exception("wordlevel error"), "wordlevel error"),
        (KeyError("x"), "KeyError: unknown 'x'"),
        (IndexError("list index out of range"), "IndexError: list index out of range"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (ImportError("No module named 'flash_attn'"), "No module named"),
        (AttributeError("no 'pop'"), "AttributeError: no 'pop'"),
        (MemoryError(), "MemoryError"),
        (PanicException("called unwrap"), "PanicException: called unwrap"),
    ],
)
def test_every_error_is_one_message(error: BaseException, text: str, tmp_path: Path) -> None:
    """It has the kind of an error whose text says nothing alone, and the files that are there."""
    (tmp_path / "config.json").touch()
    with (
        pytest.raises(UserError) as caught,
        load_errors("model 'm' cannot be loaded", str(tmp_path), (*MODEL_FILES, "gone.json")),
    ):
        raise error
    assert caught.value.problem.startswith(f"model 'm' cannot be loaded: {text}")
    assert caught.value.problem.endswith("(config.json)")
    assert caught.value.allowed
    assert caught.value.todo


@pytest.mark.parametrize(
    "error", [UserError("mine", "allowed", "to do"), StorageLost("a disk"), KeyboardInterrupt(), SystemExit(3)]
)
def test_other_errors_pass(error: BaseException) -> None:
    """Messages of kotune, a lost storage, and what ends the process."""
    with pytest.raises(type(error)) as caught, load_errors("model", "m", MODEL_FILES):
        raise error
    assert caught.value is error


def test_is_panic() -> None:
    """A panic of Rust has a class of its own in every library, which cannot be imported."""
    assert is_panic(PanicException())
    assert not is_panic(Exception())


def _changed(name: str, **fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **fields}))

    return change


def _tokenizer(**fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        content["model"] |= fields
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return change


def _ids(number: Callable[[int], int]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = json.loads((folder / "tokenizer.json").read_text())
        vocabulary = content["model"]["vocab"]
        content["model"] = {"type": "WordLevel", "unk_token": "<unk>"}
        content["model"]["vocab"] = {token: number(place) for place, token in enumerate(vocabulary)}
        (folder / "tokenizer.json").write_text(json.dumps(content))

    return change


@pytest.mark.parametrize(
    ("load", "fields"),
    [
        (load_config, {"model_type": [1]}),
        (load_config, {"d_model": "x"}),
        (load_config, {"dtype": []}),
        (load_config, {"dtype": [1]}),
        (load_config, {"id2label": "x"}),
        (load_config, {"pad_token_id": {}}),
        (load_config, {"is_encoder_decoder": 5}),
        (load_model, {"d_model": None}),
        (load_model, {"id2label": "x"}),
        (load_model, {"model_type": [1]}),
    ],
)
def test_a_damaged_configuration_is_one_message(load: Any, fields: Any, tiny_base: Path, tmp_path: Path) -> None:
    """transformers raises TypeError, IndexError, AttributeError and others."""
    folder = shutil.copytree(tiny_base, tmp_path / "model")
    _changed("config.json", **fields)(folder)
    with pytest.raises(UserError, match=r"model '.*model' cannot be loaded: .* \(config\.json\)"):
        load(str(folder))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("config.json", {"decoder_layers": 10**9}),
        ("config.json", {"num_hidden_layers": -1}),
        ("generation_config.json", {"pad_token_id": {}}),
        ("generation_config.json", {"eos_token_id": ["a"]}),
    ],
)
def test_fields_that_hang_or_fail_later_are_refused(name: str, fields: Any, tiny_base: Path, tmp_path: Path) -> None:
    """A billion layers would be built one by one."""
    folder = shutil.copytree(tiny_base, tmp_path / "model")
    _changed(name, **fields)(folder)
    with pytest.raises(UserError, match=f"{name}: {next(iter(fields))}"):
        load_model(str(folder))


@pytest.mark.parametrize(
    "fields",
    [{"activation_function": "x"}, {"pad_token_id": 10**9}, {"quantization_config": 5}, {"attn_implementation": 5}],
)
def test_a_model_that_cannot_be_built_is_one_message(fields: Any, tiny_base: Path, tmp_path: Path) -> None:
    """Its configuration alone is read without an error."""
    folder = shutil.copytree(tiny_base, tmp_path / "model")
    _changed("config.json", **fields)(folder)
    with pytest.raises(UserError, match=r"model '.*model' cannot be loaded: .* \(config\.json\)"):
        load_model(str(folder))


@pytest.mark.parametrize(
    "damage",
    [
        _tokenizer(vocab={}),
        _tokenizer(vocab=[]),
        _tokenizer(merges=[["a", "b", "c"]]),
        _tokenizer(merges=["zz qq"]),
        _tokenizer(type="BPE", merges=[["가", "나"]], continuing_subword_prefix="x"),
        _changed("tokenizer.json", pre_tokenizer={"type": "Own"}),
        _changed("tokenizer.json", added_tokens=[5]),
        _changed("tokenizer.json", decoder=5),
        _changed("tokenizer_config.json", tokenizer_class=[1]),
        _changed("tokenizer_config.json", added_tokens_decoder=True),
        _changed("tokenizer_config.json", model_max_length="x", pad_token={}),
        _ids(lambda place: -1 - place),
        _ids(lambda place: 1),
        _ids(lambda place: place * 10**7),
    ],
)
def test_a_damaged_tokenizer_is_one_message(damage: Callable[[Path], None], tiny_base: Path, tmp_path: Path) -> None:
    """Also where the library would abort the process, or number tokens alike."""
    folder = shutil.copytree(tiny_base, tmp_path / "model")
    load_tokenizer(str(folder))
    damage(folder)
    with pytest.raises(UserError) as caught:
        load_tokenizer(str(folder))
    assert str(folder) in caught.value.problem
