"""The engine: one loss for every split of a batch, report before save, and exact resumption."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback
from transformers.trainer_pt_utils import LabelSmoother

from benchmarks.equal_cuts import LIMIT
from benchmarks.equal_cuts import run as run_cuts
from tests.trainables.reporters import RecordingReporter
from trainables.tasks.seq2seq import token_loss
from trainables.training import checkpoints
from trainables.training.job import Job
from trainables.training.reports import Decision, Report, TrialFailed
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

MakeJob = Callable[..., Job]


def steps(job: Job) -> list[str]:
    """Names of the job's complete checkpoints."""
    return [point.local_folder().name for point in checkpoints.list_complete(Path(job.folder) / "checkpoints")]


def test_token_loss_is_the_sum_over_counted_tokens() -> None:
    """Against the definition: minus log probability of each label that is not -100."""
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, 4, -100], [0, -100, -100]])
    log = logits.log_softmax(-1)
    expected = -(log[0, 0, 1] + log[0, 1, 4] + log[1, 0, 0])
    assert torch.allclose(token_loss(logits, labels), expected)


def test_label_smoothing_equals_that_of_transformers() -> None:
    """Per token the same as `LabelSmoother`, which `label_smoothing_factor` selects in transformers."""
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 5), torch.tensor([[1, 4, -100], [0, 2, -100]])
    theirs = LabelSmoother(epsilon=0.1)({"logits": logits}, labels)
    assert torch.allclose(token_loss(logits, labels, 0.1) / 4, theirs)


def test_a_stopped_trial_writes_nothing(make_job: MakeJob, tmp_path: Path) -> None:
    """Report first: the decision to stop at the first evaluation leaves no checkpoint."""
    job = make_job(tmp_path, config={"num_train_epochs": 3})
    reporter = RecordingReporter(until=1.0)
    run_trial(job, reporter, WorkerCache())
    assert reporter.epochs == [1.0]
    assert steps(job) == []


def test_early_stopping_ends_a_trial(make_job: MakeJob, tmp_path: Path) -> None:
    """A learning rate of 0 improves nothing: the trial ends two evaluations after the first, which is its best."""
    config = {"num_train_epochs": 5, "learning_rate": 0.0, "early_stopping_patience": 2}
    reporter, job = RecordingReporter(), make_job(tmp_path, config=config)
    run_trial(job, reporter, WorkerCache())
    assert [(report.epoch, report.last) for report in reporter.reports] == [(1.0, False), (2.0, False), (3.0, True)]
    assert steps(job)[0] == "step-00000005"  # 34 rows in batches of 8


@pytest.mark.parametrize("clipped_to", [0.01, 0, 1e9])
def test_log_gradients_logs_norms_by_layer(make_job: MakeJob, tmp_path: Path, clipped_to: float) -> None:
    """With every logged loss; the sum of their squares is that of the whole gradient before clipping."""
    config = {"log_gradients": True, "logging_steps": 2, "max_grad_norm": clipped_to}
    engine = run_trial(make_job(tmp_path, config=config), RecordingReporter(), WorkerCache())
    logged = [entry for entry in engine.state.log_history if "grad_norm" in entry]
    assert logged
    for entry in logged:
        layers = {name: value for name, value in entry.items() if name.startswith("gradients/")}
        assert {"gradients/model.encoder.layers.0", "gradients/model.decoder.layers.0"} <= layers.keys()
        assert math.hypot(*layers.values()) == pytest.approx(float(entry["grad_norm"]), rel=1e-4)


def test_reduce_lr_on_plateau_follows_the_objective(make_job: MakeJob, tmp_path: Path) -> None:
    """It has the direction of the objective, and a patience shorter than a trial."""
    config = {"lr_scheduler_type": "reduce_lr_on_plateau", "learning_rate": 1e-7, "num_train_epochs": 3}
    job = make_job(tmp_path, config=config, metric="rouge_sum", mode="max")
    engine = run_trial(job, RecordingReporter(), WorkerCache())
    schedule: Any = engine.lr_scheduler
    assert (schedule.mode, schedule.patience) == ("max", 1)
    assert schedule.get_last_lr() == pytest.approx([5e-8, 5e-8])  # two evaluations did not improve on the first


def test_adafactor_trains_at_its_own_rate(make_job: MakeJob, tmp_path: Path) -> None:
    """From the first step on; the log has its rate."""
    config = {"optim": "adafactor", "adafactor_own_rate": True, "logging_steps": 1}
    engine = run_trial(make_job(tmp_path, config=config), RecordingReporter(), WorkerCache())
    rates = [entry["learning_rate"] for entry in engine.state.log_history if "learning_rate" in entry]
    assert rates == sorted(set(rates))  # its warm-up
    assert 0 < rates[-1] < 1e-6


def test_the_best_model_is_saved_before_the_last_report(make_job: MakeJob, tmp_path: Path) -> None:
    """So that the receiver of the report can read it."""
    job = make_job(tmp_path)

    class CheckingReporter(RecordingReporter):
        def report(self, report: Report) -> Decision:
            assert len(steps(job)) == 1
            return super().report(report)

    reporter = CheckingReporter()
    run_trial(job, reporter, WorkerCache())
    assert reporter.reports[-1].last


def test_a_resumed_trial_equals_an_uninterrupted_one(make_job: MakeJob, tmp_path: Path) -> None:
    """Killed after two of three epochs and run again, it ends with the same weights."""

    class KilledReporter(RecordingReporter):
        def report(self, report: Report) -> Decision:
            if report.epoch == 3.0 and len(self.reports) == 2:
                raise KeyboardInterrupt
            return super().report(report)

    config = {"num_train_epochs": 3}
    whole = make_job(tmp_path / "whole", config=config)
    straight = RecordingReporter()
    run_trial(whole, straight, WorkerCache())
    cut = make_job(tmp_path / "cut", config=config)
    with pytest.raises(KeyboardInterrupt):
        run_trial(cut, KilledReporter(), WorkerCache())
    again = RecordingReporter()
    run_trial(cut, again, WorkerCache())
    assert again.epochs == [3.0]  # two were on disk
    assert again.reports[-1].metrics["loss"] == straight.reports[-1].metrics["loss"]
    name = steps(whole)[-1]
    kept, redone = (load_file(Path(job.folder) / "checkpoints" / name / "model.safetensors") for job in (whole, cut))
    assert all(torch.equal(kept[key], redone[key]) for key in kept)


def test_a_loss_that_is_not_finite_fails_the_trial(make_job: MakeJob, tmp_path: Path) -> None:
    """The message has the metric and the epoch; nothing is reported."""
    job = make_job(tmp_path, config={"learning_rate": 1e30, "max_grad_norm": 0})
    reporter = RecordingReporter()
    with pytest.raises(TrialFailed, match=r"loss is nan at epoch 1 with learning_rate 1e\+30: lower learning_rate"):
        run_trial(job, reporter, WorkerCache())
    assert reporter.reports == []


def test_a_logged_loss_that_is_not_finite_ends_the_trial_at_once(make_job: MakeJob, tmp_path: Path) -> None:
    """Long before the evaluation at the end; the message has the step, the learning rate and what to lower."""
    config = {"learning_rate": 1e30, "max_grad_norm": 0, "logging_steps": 2, "num_train_epochs": 4}
    logged: list[tuple[int, float]] = []

    class Logged(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
            logged.append((state.global_step, logs["loss"]))

    reason = r"training loss is nan at step (2|4) with learning_rate 1e\+30: lower learning_rate.*max_grad_norm to 1"
    with pytest.raises(TrialFailed, match=reason):
        run_trial(make_job(tmp_path, config=config, eval_every=4.0), RecordingReporter(), WorkerCache(), [Logged()])
    assert math.isnan(logged[-1][1])  # W&B shows it as well
    assert logged[-1][0] <= 4


def test_every_split_of_a_global_batch_gives_the_same_training(tmp_path: Path) -> None:
    """1×32, two workers×16 and 8×4 accumulated: loss, norms, weights, dev loss and ROUGE within 1e-4.

    The short form of `python -m benchmarks.equal_cuts`, which takes twenty steps.
    """
    for name, found in run_cuts(tmp_path, steps=4).items():
        assert found["rouge_sum_of_first"] > 0, "a score of zero would compare nothing"
        for quantity in ("train_loss", "grad_norm", "weights", "dev_loss", "rouge_sum"):
            assert found[quantity] < LIMIT, f"{name}: {quantity}"
