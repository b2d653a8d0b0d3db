"""Folders of strangers: no pickle is opened, and no code that comes with a model is run unless the user says so."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerBase

from foundation.errors import UserError
from tests.trainables.reporters import RecordingReporter
from trainables.models.hub import load_config, load_model, load_tokenizer
from trainables.models.model_checks import build_meta_model, check_model
from trainables.tasks.registry import make_task
from trainables.training import checkpoints
from trainables.training.checkpoint_store import MANIFEST
from trainables.training.job import Job
from trainables.training.reports import TrialFailed
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

CHOOSING = make_task("classification", {"labels": ["a", "b"]})


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._mark,)


@pytest.fixture
def no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked anything on the terminal."""

    def asked(prompt: str = "") -> str:
        raise AssertionError(f"asked: {prompt}")

    monkeypatch.setattr("builtins.input", asked)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_weights_in_pickles_are_refused(tiny_base: Path, tmp_path: Path, name: str) -> None:
    """The message says how to convert them; nothing in them is run."""
    (tmp_path / "config.json").write_bytes((tiny_base / "config.json").read_bytes())
    (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    with pytest.raises(UserError, match="weights only as pickles") as caught:
        load_model(str(tmp_path))
    assert "AutoModelForSeq2SeqLM.from_pretrained(m).save_pretrained(new)" in caught.value.todo
    assert not (tmp_path / "mark").exists()


def test_safetensors_are_taken_where_a_pickle_lies_beside_them(tiny_base: Path, tmp_path: Path) -> None:
    """As on many pages of the hub."""
    for path in tiny_base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    assert load_model(str(tmp_path)).num_parameters() > 0
    assert not (tmp_path / "mark").exists()


def test_a_folder_without_weights_is_told_as_such(tiny_base: Path, tmp_path: Path) -> None:
    """Not as one that has pickles."""
    (tmp_path / "config.json").write_bytes((tiny_base / "config.json").read_bytes())
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_in_a_checkpoint_is_not_run(make_job: Callable[..., Job], tmp_path: Path, name: str) -> None:
    """The trial fails with a reason; a checkpoint is data, whoever wrote it."""
    folder, mark = tmp_path / "trial", tmp_path / "mark"
    job = make_job(folder, config={"num_train_epochs": 2})
    run_trial(job, RecordingReporter(), WorkerCache())
    first = checkpoints.newest_resumable(folder / "checkpoints")
    assert first is not None
    evil = first.local_folder() / name
    torch.save(Trap(mark), evil)
    manifest = json.loads((first.local_folder() / MANIFEST).read_text())
    manifest["files"][name] = evil.stat().st_size
    manifest["checks"][name] = zlib.crc32(evil.read_bytes())
    (first.local_folder() / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(TrialFailed, match="holds more than tensors"):
        run_trial(job, RecordingReporter(), WorkerCache())
    assert not mark.exists()


# ---- code that comes with a model


def test_own_code_is_not_run_unless_the_user_says_so(own_code: Path, ran: Path, no_answers: None) -> None:
    """Configuration, tokenizer, weights and the check before a study: each names the option, none asks."""
    for load in (
        lambda: load_config(str(own_code)),
        lambda: load_tokenizer(str(own_code), is_generative=False),
        lambda: load_model(str(own_code), AutoModelForSequenceClassification),
        lambda: check_model(str(own_code), "bert", CHOOSING),
    ):
        with pytest.raises(UserError, match="comes with its own code") as caught:
            load()
        assert "--trust-remote-code" in caught.value.todo
    assert not ran.exists()


def test_own_code_behind_a_known_configuration_is_not_run(tmp_path: Path, no_answers: None) -> None:
    """A model type that transformers has, and for the task a class of its own."""
    config = {"model_type": "clip", "auto_map": {"AutoModelForSequenceClassification": "modeling.Own"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="comes with its own code"):
        build_meta_model(load_config(str(tmp_path)), CHOOSING)


def test_own_code_is_run_when_the_user_says_so(own_code: Path, ran: Path, words: PreTrainedTokenizerBase) -> None:
    """And answers as any other model."""
    check_model(str(own_code), "bert", CHOOSING, trust=True)
    model = load_model(str(own_code), AutoModelForSequenceClassification, trust=True)
    assert ran.exists()
    assert type(model).__name__ == "OwnModel"
