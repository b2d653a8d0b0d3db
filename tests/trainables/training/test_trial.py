"""One trial's configuration: what is built of it before a model is there, and what cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from foundation.errors import UserError
from trainables.tasks.classification import Classification
from trainables.tasks.regression import Regression
from trainables.tasks.seq2seq import Seq2Seq
from trainables.tasks.task import Task
from trainables.training.checkpoints import newest_resumable
from trainables.training.job import Job
from trainables.training.reports import Decision, Report
from trainables.training.trial import WorkerCache, check_config, choose_precision, run_trial

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("training", "expected"),
    [({}, (False, False)), ({"fp16": True}, (False, False)), ({"bf16": True}, (True, False))],
)
def test_a_cpu_has_no_fp16(training: dict[str, Any], expected: tuple[bool, bool]) -> None:
    """A configuration that was written for a GPU trains here too, in 32 bit."""
    found = choose_precision(training, CPU)
    assert (found["bf16"], found["fp16"]) == expected


@pytest.mark.parametrize("has_bf16", [True, False])
def test_a_gpu_computes_as_told_or_as_it_can(has_bf16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """bf16 where the GPU has it, else fp16; what was asked for goes first."""
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert choose_precision({}, CUDA) == {"bf16": has_bf16, "fp16": not has_bf16}
    assert choose_precision({"fp16": True}, CUDA) == {"bf16": False, "fp16": True}
    assert choose_precision({"bf16": False}, CUDA) == {"bf16": False, "fp16": False}


@pytest.mark.parametrize(
    ("config", "task", "problem"),
    [
        ({"adafactor_own_rate": True}, Seq2Seq, "adafactor_own_rate with optim adamw_torch"),
        (
            {"adafactor_own_rate": True, "optim": "adafactor", "layerwise_lr_decay": 0.9},
            Seq2Seq,
            "layerwise_lr_decay 0.9",
        ),
        ({"num_beams": 4}, Classification, "num_beams: nothing is generated in this task"),
        ({"num_beams": 1, "num_return_sequences": 3}, Seq2Seq, "a trial cannot be made of these values"),
        ({"class_weights": "balanced"}, Seq2Seq, "class_weights: without effect in seq2seq"),
        ({"label_smoothing_factor": 0.1}, Regression, "label_smoothing_factor: without effect in regression"),
        ({"regression_loss": "huber"}, Classification, "regression_loss: without effect in classification"),
    ],
)
def test_what_no_trial_can_be_made_of(config: dict[str, Any], task: type[Task], problem: str) -> None:
    """Found before anything is started."""
    with pytest.raises(UserError, match=problem):
        check_config(config, task)


def test_what_goes_together_is_accepted() -> None:
    """Adafactor with its own rate, a classifier without decoding."""
    check_config({"adafactor_own_rate": True, "optim": "adafactor"}, Seq2Seq)
    check_config({"learning_rate": 1e-3, "class_weights": "balanced"}, Classification)
    check_config({"class_weights": "none", "label_smoothing_factor": 0.0}, Regression)


def test_a_corrupted_checkpoint_is_not_gone_on_from(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Its bytes are not what was written: training begins where they are, and ends as if nothing had happened."""

    class Cut(Exception):
        """The machine went."""

    class LossReporter:
        """Raises `Cut` at report number `until`."""

        def __init__(self, until: int) -> None:
            self.until, self.losses = until, dict[float, float]()

        def report(self, report: Report) -> Decision:
            self.losses[report.epoch] = report.metrics["loss"]
            if len(self.losses) == self.until:
                raise Cut
            return Decision.CONTINUE

    calm, cut, resumed = LossReporter(9), LossReporter(3), LossReporter(9)
    config = {"num_train_epochs": 4}
    run_trial(make_job(tmp_path / "calm", config=config), calm, WorkerCache())
    with pytest.raises(Cut):
        run_trial(make_job(tmp_path / "cut", config=config), cut, WorkerCache())
    newest = newest_resumable(tmp_path / "cut" / "checkpoints")
    assert newest is not None
    state = newest.path / "optimizer.pt"
    state.write_bytes(bytes(state.stat().st_size))
    run_trial(make_job(tmp_path / "cut", config=config), resumed, WorkerCache())
    assert resumed.losses == calm.losses
    assert cut.losses.items() <= calm.losses.items()
