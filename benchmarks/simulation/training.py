"""Trials without a network: the steps, evaluations, reports and checkpoints of the engine, without its arithmetic.

The evaluation schedule, the evaluation tracker and the checkpoints are the real ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

from benchmarks.simulation.kernel import Kernel
from foundation.durable import retry_on_storage_error
from trainables.training import checkpoints
from trainables.training.checkpoint_writer import CheckpointWriter
from trainables.training.early_stopping import EarlyStopping
from trainables.training.evaluation_schedule import EvaluationSchedule
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.job import Job
from trainables.training.reports import Decision, Interrupted, Reporter, TrialFailed

#: Optimizer steps of an epoch.
STEPS_PER_EPOCH = 2


class LearningCurve(Protocol):
    """The scores of a configuration as a function of the epoch."""

    def at(self, config: Mapping[str, Any], epoch: float) -> dict[str, float] | None:
        """Returns the metrics at an epoch; None if the trial fails there."""


class Environment(Protocol):
    """The part of a simulation that training uses.

    Attributes:
        on_decision: Called with trial, epoch and decision when a worker receives the answer to a report.
    """

    kernel: Kernel
    curve: LearningCurve
    on_decision: Callable[[str, float, Decision], None]

    def step_seconds(self) -> float:
        """Returns the duration of the next optimizer step or evaluation."""


class SmoothCurve:
    """Curves that approach a limit. Limit and noise are a hash of the configuration.

    Args:
        failures: share of configurations that fail.
    """

    def __init__(self, metric: str, failures: float = 0.0) -> None:
        self._metric, self._failures = metric, failures

    def at(self, config: Mapping[str, Any], epoch: float) -> dict[str, float] | None:
        text = repr(sorted(config.items()))
        if _fraction(f"{text} fails") < self._failures and epoch > 2 * _fraction(f"{text} when"):
            return None
        best, noise = _fraction(text), 0.1 * _fraction(f"{text} {epoch}")
        return {self._metric: round(best * (1 - math.exp(-epoch)) + noise, 4), "loss": round(2 - best - noise, 4)}


def _fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


class _Writer(CheckpointWriter):
    """Writes short texts in the place of tensors."""

    def _stage(self, trainer: Any, resumable: bool) -> None:
        staging = checkpoints.staging(self._folder, trainer.state.global_step)
        staging.mkdir(parents=True, exist_ok=True)
        names = ("model.safetensors", *(("optimizer.pt", "trainer_state.json") if resumable else ()))
        for name in names:
            (staging / name).write_text(f"{name} of step {trainer.state.global_step}")
        self._tracker.save(staging)


class SimulatedTraining:
    """One trial from its newest checkpoint to its end, in the order of `trainables.training.engine.Engine`.

    Raises:
        StorageLost: The newest checkpoint cannot be read.
    """

    def __init__(self, job: Job, reporter: Reporter, callbacks: Sequence[Any], environment: Environment) -> None:
        self._job, self._environment = job, environment
        start = retry_on_storage_error(lambda: checkpoints.newest_intact(job.checkpoints), job.checkpoints, verb="read")
        task: Any = None  # only computes scores
        early_stopping = EarlyStopping(None, 0.0, job.mode)
        self._tracker = EvaluationTracker(job, task, None, reporter, start=start, early_stopping=early_stopping)
        self._schedule = EvaluationSchedule(job.eval_every, job.max_epochs)
        self._schedule.plan(STEPS_PER_EPOCH)
        self._writer = _Writer(job.checkpoints, self._tracker)
        self._step, self._evaluated = (start.step, start.evaluated) if start else (0, 0.0)
        self._callbacks = callbacks
        for callback in callbacks:  # the default of their clock is the real one
            if hasattr(callback, "_clock"):
                callback._clock = environment.kernel.loop.time
            if hasattr(callback, "_last_check"):
                callback._last_check = environment.kernel.loop.time()
        self._is_repeating = False

    def run(self) -> None:
        """Trains until the last epoch, or until the scheduler stops the trial.

        Raises:
            Interrupted: The search ends, and the trial was saved.
            TrialFailed: The configuration fails.
        """
        schedule = self._schedule
        if self._step and schedule.position(self._step)[1] > self._evaluated and schedule.is_due(self._step):
            self._is_repeating = True
            decision, last = self._evaluate()
            self._is_repeating = False
            if last or decision is Decision.STOP:
                return  # otherwise the loaded checkpoint stays, as in the engine
        while not self._step or not schedule.is_last(self._step):
            self._work()
            self._step += 1
            control = SimpleNamespace(should_save=False, should_evaluate=schedule.is_due(self._step))
            self._call("on_step_end", control)
            if control.should_evaluate:
                decision, last = self._evaluate()
                if last or decision is Decision.STOP:
                    return
                control.should_save = True
            if control.should_save:
                self._save()
                self._call("on_save", control)

    def _work(self) -> None:
        kernel = self._environment.kernel
        kernel.sleep(self._environment.step_seconds())
        while kernel.running().hangs:
            kernel.sleep(60.0)

    def _call(self, name: str, control: Any = None) -> None:
        state = SimpleNamespace(global_step=self._step, epoch=self._step / STEPS_PER_EPOCH)
        for callback in self._callbacks:
            getattr(callback, name)(None, state, control)

    def _evaluate(self) -> tuple[Decision, bool]:
        """Evaluates and reports; returns the decision, and whether it was the last evaluation."""
        self._work()
        try:
            self._call("on_prediction_step")
        except Interrupted:
            self._interrupt()
        epoch = self._schedule.epoch_at(self._step)
        metrics = self._environment.curve.at(self._job.config, epoch)
        if metrics is None:
            raise TrialFailed(f"training loss is nan at epoch {epoch:g}")
        is_best, last = self._tracker.record(epoch, metrics), self._schedule.is_last(self._step)
        if last and is_best:  # before the last report, so that its receiver can read the model
            self._save(resumable=False)
        decision = self._tracker.report(epoch, self._step, metrics, last)
        if not last:
            self._environment.on_decision(self._job.trial_id, epoch, decision)
        if decision is Decision.INTERRUPT:
            self._interrupt()
        return decision, last

    def _interrupt(self) -> None:
        if not self._is_repeating:
            self._tracker.discard(self._schedule.position(self._step)[0])
            self._save(is_undecided=True)
        raise Interrupted

    def _save(self, *, resumable: bool = True, is_undecided: bool = False) -> None:
        epoch, evaluated = self._schedule.position(self._step)
        if is_undecided:
            evaluated = self._schedule.position(self._step - 1)[1]
        accelerator = SimpleNamespace(wait_for_everyone=lambda: None)
        trainer: Any = SimpleNamespace(
            state=SimpleNamespace(global_step=self._step), accelerator=accelerator, is_world_process_zero=lambda: True
        )
        self._writer.save(trainer, epoch=epoch, evaluated=evaluated, resumable=resumable)
