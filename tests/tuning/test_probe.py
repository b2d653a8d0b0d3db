"""The recipe default is tried before anything starts: what would fail every trial is a message."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

from corpora.samples.dialogues import write_samples
from delivery.sessions.session import dry_run
from delivery.sessions.space_options import resolve_space
from delivery.sessions.study_request import StudyRequest
from foundation.errors import UserError
from search_spaces.schema import Space
from trainables.models.hub import has_local_weights
from trainables.tasks.seq2seq import Seq2Seq
from tuning import preparation
from tuning.probe import ProbeResult, probe
from tuning.studies.storage import storage_at

Make = Callable[..., Space]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a space that summarises a few dialogues."""
    files = write_samples(tmp_path / "data", train=12, dev=4, test=4)
    options = {f"data.{split}": str(path) for split, path in files.items()}

    def space(*sets: str, model: str = "scratch:tiny") -> Space:
        fixed = ["wandb.mode=disabled", "rouge_tokenizer=whitespace", "max_source_length=32", *sets]
        return resolve_space("kobart", {**options, "model": model}, fixed, [], None)

    return space


def _probe(space: Space, folder: Path) -> ProbeResult:
    splits = preparation.read(space)
    return probe(space, preparation.learn(space, splits), splits, folder)


def _bart(folder: Path, tokenizer: Path, **settings: Any) -> str:
    """A BART folder whose generation settings and configuration have other `settings`; returns its path."""
    words = AutoTokenizer.from_pretrained(tokenizer)
    sizes = {"d_model": 8, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": len(words)}
    ids = {name: getattr(words, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    model = BartForConditionalGeneration(BartConfig(**{**sizes, **heads, **ids}))
    model.config.decoder_start_token_id = settings.get("start", words.eos_token_id)
    model.generation_config.decoder_start_token_id = settings.get("generated_start", words.eos_token_id)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return str(folder)


def test_the_recipe_default_is_tried_and_nothing_stays(make: Make, tmp_path: Path) -> None:
    """The dry run says how long it took, and writes no study; parameters that only cost time are left out."""
    space = make("return_dict_in_generate=true", "max_length=64", "torch_compile=true", "dataloader_num_workers=2")
    before = sorted(tmp_path.rglob("*"))
    text = dry_run(StudyRequest(space, "mine", storage_at(tmp_path / "runs")), io.StringIO())
    assert "# tried one step of the recipe default: " in text
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("sets", "problem"),
    [
        (["optim=adamw_8bit"], "no optimizer .*optim adamw_8bit.*ImportError: You need to install `bitsandbytes`"),
        (["lr_scheduler_type=cosine_with_min_lr"], "lr_scheduler_type cosine_with_min_lr.*min_lr or min_lr_rate"),
    ],
)
def test_optimizers_and_schedulers_that_cannot_be_made_are_refused(
    make: Make, tmp_path: Path, sets: list[str], problem: str
) -> None:
    """A library that is not installed; arguments that are missing."""
    with pytest.raises(UserError, match=problem) as caught:
        _probe(make(*sets), tmp_path)
    assert caught.value.allowed
    assert caught.value.todo


def test_a_null_start_token_is_refused_until_it_is_set(make: Make, tiny_base: Path, tmp_path: Path) -> None:
    """The message names the option; with it, training and generation start from that token."""
    model = _bart(tmp_path / "null", tiny_base, start=None, generated_start=None)
    with pytest.raises(UserError, match="decoder_start_token_id is null in the configuration of the bart") as caught:
        _probe(make(model=model), tmp_path)
    assert caught.value.todo.startswith("--set decoder_start_token_id=…")
    assert _probe(make("decoder_start_token_id=3", model=model), tmp_path).seconds is not None


def test_a_classifier_with_a_null_start_token_is_refused_until_it_is_set(tiny_base: Path, tmp_path: Path) -> None:
    """BART classifies with its decoder; transformers only says that it cannot assign None to a tensor."""
    model = _bart(tmp_path / "null", tiny_base, start=None, generated_start=None)
    (tmp_path / "rows.tsv").write_text("".join(f"{row % 2}\t안녕 {row} 번\n" for row in range(20)), encoding="utf-8")
    options = {"data.train": str(tmp_path / "rows.tsv"), "model": model}

    def space(*sets: str) -> Space:
        return resolve_space("kcbert", options, ["wandb.mode=disabled", *sets], [], None)

    with pytest.raises(UserError, match="decoder_start_token_id is null in the configuration of the bart") as caught:
        _probe(space(), tmp_path)
    assert caught.value.todo.startswith("--set model.decoder_start_token_id=…")
    assert _probe(space("model.decoder_start_token_id=3"), tmp_path).seconds is not None


def test_different_start_tokens_are_refused(make: Make, tiny_base: Path, tmp_path: Path) -> None:
    """Training starts from one token, generation from another: the model would write from where it never stood."""
    model = _bart(tmp_path / "two", tiny_base, start=2, generated_start=3)
    with pytest.raises(UserError, match=r"training starts with .*\(2\), generation with .*\(3\)") as caught:
        _probe(make(model=model), tmp_path)
    assert "--set decoder_start_token_id=2 sets both" in caught.value.todo
    assert _probe(make("decoder_start_token_id=2", model=model), tmp_path).seconds is not None


def test_an_end_token_that_targets_never_have_is_refused(make: Make, tiny_base: Path, tmp_path: Path) -> None:
    """Generation would never end."""
    model = _bart(tmp_path / "bart", tiny_base)
    with pytest.raises(UserError, match=r"targets end with .*, and generation ends at "):
        _probe(make("eos_token_id=1", model=model), tmp_path)


def test_weights_that_are_pickles_are_refused(make: Make, tiny_base: Path, tmp_path: Path) -> None:
    """`pytorch_model.bin` alone; the dry run loads the weights, too."""
    model = Path(_bart(tmp_path / "bart", tiny_base))
    (model / "model.safetensors").unlink()
    torch.save({}, model / "pytorch_model.bin")
    with pytest.raises(UserError, match="has its weights only as pickles"):
        dry_run(StudyRequest(make(model=str(model)), "mine", storage_at(tmp_path / "runs")), io.StringIO())


def test_whatever_a_library_raises_becomes_a_message(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed, the library's words, and the line of code."""

    def broken(*arguments: Any) -> None:
        raise IndexError("index out of range in self")

    monkeypatch.setattr(Seq2Seq, "evaluate", broken)
    expected = (
        r"model 'scratch:tiny' cannot predict: IndexError: index out of range in self \(test_probe.py, line \d+\)"
    )
    with pytest.raises(UserError, match=expected) as caught:
        _probe(make(), tmp_path)
    assert caught.value.todo == "change the decoding parameters; every trial of the recipe default would fail like this"


def test_a_model_that_does_not_fit_into_memory_is_not_tried(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine that starts a search may be smaller than those that train."""
    monkeypatch.setattr("tuning.probe.psutil.virtual_memory", lambda: SimpleNamespace(available=0))
    result = _probe(make(), tmp_path)
    assert result.seconds is None
    assert result.lines[-1].startswith("no step was tried: it needs ")


def test_a_dry_run_downloads_no_weights(
    make: Make, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search tries the step once it has downloaded them."""
    assert has_local_weights(str(tiny_base))
    assert not has_local_weights("nobody/has-this-model")
    monkeypatch.setattr("delivery.sessions.study_request.has_local_weights", lambda model: False)
    space = replace(make(), model=str(tiny_base))
    text = dry_run(StudyRequest(space, "mine", storage_at(tmp_path / "runs")), io.StringIO())
    assert f"# no step was tried: the weights of {tiny_base} are not on this machine" in text
