"""One trial from its job to its reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest

from trainables.training import trial
from trainables.training.checkpoints import newest_resumable
from trainables.training.job import Job
from trainables.training.reports import Decision, Report, Reporter
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache


def test_a_damaged_checkpoint_is_not_resumed_from(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Training resumes from the previous one, and ends with the losses of an uninterrupted trial."""

    class Cut(Exception):
        """Ends a trial."""

    class LossReporter:
        """Raises `Cut` at report number `until`."""

        def __init__(self, until: int) -> None:
            self.until, self.losses = until, dict[float, float]()

        def report(self, report: Report) -> Decision:
            self.losses[report.epoch] = report.metrics["loss"]
            if len(self.losses) == self.until:
                raise Cut
            return Decision.CONTINUE

    whole, cut, resumed = LossReporter(9), LossReporter(3), LossReporter(9)
    config = {"num_train_epochs": 4}
    run_trial(make_job(tmp_path / "whole", config=config), whole, WorkerCache())
    with pytest.raises(Cut):
        run_trial(make_job(tmp_path / "cut", config=config), cut, WorkerCache())
    newest = newest_resumable(tmp_path / "cut" / "checkpoints")
    assert newest is not None
    state = newest.path / "optimizer.pt"
    state.write_bytes(bytes(state.stat().st_size))
    run_trial(make_job(tmp_path / "cut", config=config), resumed, WorkerCache())
    assert resumed.losses == whole.losses
    assert cut.losses.items() <= whole.losses.items()


def test_training_starts_with_the_token_that_generation_is_set_to(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """One setting for both: otherwise the decoder would be read from a token that it never saw first."""

    class Quiet:
        def report(self, report: Report) -> Decision:
            return Decision.CONTINUE

    job = make_job(tmp_path / "job", config={"decoder_start_token_id": 5, "num_train_epochs": 0.1}, max_epochs=0.1)
    model = run_trial(job, Quiet(), WorkerCache()).model
    assert model.config.decoder_start_token_id == model.generation_config.decoder_start_token_id == 5


def test_the_precision_of_a_trial_follows_the_type_of_its_model(
    make_job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training arguments are built for the type in the base model's configuration."""
    types: list[str] = []

    def build(*arguments: Any, model_type: str, **options: Any) -> NoReturn:
        types.append(model_type)
        raise InterruptedError

    monkeypatch.setattr(trial, "build_arguments", build)
    with pytest.raises(InterruptedError):
        run_trial(make_job(tmp_path), cast(Reporter, None), WorkerCache())
    assert types == ["bart"]
