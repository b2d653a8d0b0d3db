"""Model folders from others: what their files name is opened only if it is a file of safetensors in the folder."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from foundation.errors import UserError
from tests.trainables.models.test_untrusted import Trap
from trainables.models.hub import load_config, load_model, load_tokenizer

INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tiny_base: Path, tmp_path: Path) -> Path:
    """A copy of a model."""
    return Path(shutil.copytree(tiny_base, tmp_path / "model"))


def change(path: Path, **fields: Any) -> None:
    """Changes fields of a JSON file."""
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **fields}))


def shard(folder: Path, name: str = "weights.safetensors", index: str = INDEX) -> dict[str, torch.Tensor]:
    """Replaces the weights by an index, which names `name` for each; returns the weights."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    change(folder / index, metadata={}, weight_map=dict.fromkeys(weights, name))
    return weights


def test_weights_in_several_files_are_loaded(folder: Path) -> None:
    """As the authors of large models save them."""
    weights = shard(folder)
    save_file(weights, folder / "weights.safetensors", {"format": "pt"})
    assert load_model(str(folder)).num_parameters() > 0


@pytest.mark.parametrize("name", ["weights.bin", "../other.safetensors", "/etc/passwd", "a/b.safetensors", ".."])
def test_an_index_names_safetensors_of_its_folder_only(name: str, folder: Path, tmp_path: Path) -> None:
    """transformers unpickles a file with another ending, and opens files outside of the folder."""
    weights = shard(folder, name)
    (folder / "weights.bin").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    save_file(weights, tmp_path / "other.safetensors", {"format": "pt"})
    with pytest.raises(UserError) as caught:
        load_model(str(folder))
    assert f"{folder / INDEX}: weight_map" in caught.value.problem
    assert repr(name) in caught.value.problem
    assert not (tmp_path / "mark").exists()


def test_a_hub_id_with_an_index_of_pickles_is_refused(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    """The index of a repository is read before the files that it names."""
    weights = shard(folder, "weights.bin")
    torch.save(weights, folder / "weights.bin")
    revision = "0123456789012345678901234567890123456789"
    cache = tmp_path / "cache" / "models--owner--name"
    shutil.copytree(folder, cache / "snapshots" / revision)
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match=r"'weights\.bin' is no file of safetensors"):
        load_model("owner/name")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("adapter_model.bin", "is no file of safetensors"),
        ("../other.safetensors", "is not a plain file name"),
        ("other.safetensors.index.json", "'weights.bin' is no file of safetensors"),
    ],
)
def test_a_configuration_names_safetensors_only(name: str, problem: str, folder: Path, tmp_path: Path) -> None:
    """With `transformers_weights`, transformers loads another file than `model.safetensors`, also a pickle."""
    weights = shard(folder, "weights.bin", "other.safetensors.index.json")
    for file in ("weights.bin", "adapter_model.bin"):
        torch.save(weights, folder / file)
    save_file(weights, tmp_path / "other.safetensors", {"format": "pt"})
    change(folder / "config.json", transformers_weights=name)
    with pytest.raises(UserError, match=problem):
        load_model(str(folder))


def test_other_files_of_a_configuration_are_in_the_folder(folder: Path, tmp_path: Path) -> None:
    """transformers chooses a file by its version, wherever it is."""
    for kind, field, load in (
        ("config", "configuration_files", load_config),
        ("tokenizer", "fast_tokenizer_files", load_tokenizer),
    ):
        shutil.copy(folder / f"{kind}.json", tmp_path / f"{kind}.1.0.0.json")
        name = "config.json" if kind == "config" else "tokenizer_config.json"
        change(folder / name, **{field: [f"../{kind}.1.0.0.json"]})
        with pytest.raises(UserError, match=f"{field}: '../{kind}.1.0.0.json' is not a plain file name"):
            load(str(folder))


@pytest.mark.parametrize(
    "fields",
    [{"attn_implementation": "owner/kernel"}, {"encoder": {"_attn_implementation": {"": "kernels-community/flash"}}}],
)
def test_a_kernel_on_the_hub_is_not_run(fields: Mapping[str, Any], folder: Path) -> None:
    """transformers would download and import it."""
    change(folder / "config.json", **fields)
    for load in (load_config, load_model):
        with pytest.raises(UserError, match="code on the hub, which is not run"):
            load(str(folder))


def test_weights_of_other_formats_are_not_taken_instead(folder: Path) -> None:
    """transformers prefers those of torch.distributed, whatever is in them, and reads the base model of an adapter."""
    shard_name = "shard-00000-model-00001-of-00001.safetensors"
    shutil.copy(folder / "model.safetensors", folder / shard_name)
    with pytest.raises(UserError, match=shard_name):
        load_model(str(folder))
    (folder / shard_name).unlink()
    change(folder / "adapter_config.json", base_model_name_or_path="/elsewhere")
    with pytest.raises(UserError, match="adapter of PEFT"):
        load_model(str(folder))


def _other_weight(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """The index names a weight that its file lacks."""
    names = sorted(weights)
    save_file({name: weights[name] for name in names[1:]}, folder / "weights.safetensors")


def _weight_twice(weights: dict[str, torch.Tensor], folder: Path) -> None:
    """Two files have a weight."""
    save_file(weights, folder / "weights.safetensors")
    first = min(weights)
    save_file({first: weights[first]}, folder / "a.safetensors")
    change(folder / INDEX, weight_map={**dict.fromkeys(weights, "weights.safetensors"), first: "a.safetensors"})


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda weights, folder: None, "weights.safetensors is missing"),
        (_other_weight, "weights.safetensors has no "),
        (_weight_twice, "is in a.safetensors and in weights.safetensors"),
        (lambda weights, folder: (folder / "weights.safetensors").write_bytes(b"\xff" * 64), "is damaged"),
        (lambda weights, folder: change(folder / INDEX, weight_map={}), "names no weights"),
        (lambda weights, folder: change(folder / INDEX, weight_map=[]), r"weight_map is \[\]"),
        (lambda weights, folder: (folder / INDEX).write_text("null"), "is None"),
    ],
)
def test_an_index_that_does_not_fit_its_files_is_refused(
    damage: Callable[[dict[str, torch.Tensor], Path], object], problem: str, folder: Path
) -> None:
    """The message names the file."""
    damage(shard(folder), folder)
    with pytest.raises(UserError, match=problem) as caught:
        load_model(str(folder))
    assert str(folder) in caught.value.problem


@pytest.mark.parametrize(
    "name",
    ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "special_tokens_map.json"],
)
def test_what_is_no_file_is_refused(name: str, folder: Path) -> None:
    """transformers takes a FIFO or a folder for a file that is missing, and loads what remains."""
    load: Any = load_tokenizer if "token" in name else load_model
    path = folder / name
    path.unlink(missing_ok=True)
    for make in (os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.name)):
        make(path)
        with pytest.raises(UserError) as caught:
            load(str(folder))
        assert str(path) in caught.value.problem
        path.rmdir() if path.is_dir() else path.unlink()
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    with pytest.raises(UserError, match="pointer of Git LFS"):
        load(str(folder))


@pytest.mark.parametrize("content", ["", "{", "null", "[]", "{} {}", '{"num_beams": 4'])
def test_damaged_generation_settings_are_refused(content: str, folder: Path) -> None:
    """transformers ignores them without a word, and the model would write other texts."""
    (folder / "generation_config.json").write_text(content)
    with pytest.raises(UserError, match=r"generation_config\.json"):
        load_model(str(folder))
