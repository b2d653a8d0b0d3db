"""Untrusted folders: no pickle is loaded, and no code that comes with a model is run unless the user allows it."""

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

CLASSIFICATION = make_task("classification", {"labels": ["a", "b"]})


class Trap:
    """An object that creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._mark,)


@pytest.fixture
def no_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails if anything is asked on the terminal."""

    def asked(prompt: str = "") -> str:
        raise AssertionError(f"asked: {prompt}")

    monkeypatch.setattr("builtins.input", asked)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model.bin.index.json"])
def test_weights_in_pickles_are_refused(tiny_base: Path, tmp_path: Path, name: str) -> None:
    """The message states how to convert them; nothing in them is run."""
    (tmp_path / "config.json").write_bytes((tiny_base / "config.json").read_bytes())
    (tmp_path / name).write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    with pytest.raises(UserError, match="weights only as pickles") as caught:
        load_model(str(tmp_path))
    assert "AutoModelForSeq2SeqLM.from_pretrained(m).save_pretrained(new)" in caught.value.todo
    assert not (tmp_path / "mark").exists()


def test_safetensors_are_loaded_if_there_is_also_a_pickle(tiny_base: Path, tmp_path: Path) -> None:
    """Many repositories on the hub have both."""
    for path in tiny_base.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Trap(tmp_path / "mark")))
    assert load_model(str(tmp_path)).num_parameters() > 0
    assert not (tmp_path / "mark").exists()


def test_a_folder_without_weights_is_not_reported_as_pickles(tiny_base: Path, tmp_path: Path) -> None:
    """The message is the general one."""
    (tmp_path / "config.json").write_bytes((tiny_base / "config.json").read_bytes())
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_in_a_checkpoint_is_not_run(make_job: Callable[..., Job], tmp_path: Path, name: str) -> None:
    """The trial fails with a reason; a checkpoint is only data."""
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


def test_own_code_is_not_run_by_default(own_code: Path, ran: Path, no_answers: None) -> None:
    """Loading a configuration, a tokenizer or weights and the check before a study name the option and do not ask."""
    for load in (
        lambda: load_config(str(own_code)),
        lambda: load_tokenizer(str(own_code), is_generative=False),
        lambda: load_model(str(own_code), AutoModelForSequenceClassification),
        lambda: check_model(str(own_code), "bert", CLASSIFICATION),
    ):
        with pytest.raises(UserError, match="comes with its own code") as caught:
            load()
        assert "--trust-remote-code" in caught.value.todo
    assert not ran.exists()


def test_own_code_of_a_known_model_type_is_not_run(tmp_path: Path, no_answers: None) -> None:
    """The model type is one of transformers, but the class for the task is not."""
    config = {"model_type": "clip", "auto_map": {"AutoModelForSequenceClassification": "modeling.Own"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="comes with its own code"):
        build_meta_model(load_config(str(tmp_path)), CLASSIFICATION)


def test_own_code_is_run_with_trust(own_code: Path, ran: Path, words: PreTrainedTokenizerBase) -> None:
    """The model then works like any other."""
    check_model(str(own_code), "bert", CLASSIFICATION, trust=True)
    model = load_model(str(own_code), AutoModelForSequenceClassification, trust=True)
    assert ran.exists()
    assert type(model).__name__ == "OwnModel"
