"""Heartbeats, and checkpoints that are saved at once when the machine or the search goes away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from tests.trainables.reporters import RecordingReporter
from trainables.training import checkpoints
from trainables.training.callbacks import Heartbeat, SaveOnPreemption, SaveOnShutdown
from trainables.training.job import Job
from trainables.training.reports import Decision, Interrupted, Report, StepProgress
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache

MakeJob = Callable[..., Job]


def last_checkpoint(folder: Path) -> Path:
    """The newest complete checkpoint of a trial."""
    return checkpoints.list_complete(folder / "checkpoints")[-1].local_folder()


def assert_same_file(name: str, *folders: Path) -> None:
    """The last checkpoints of trials hold the same bytes."""
    assert len({(last_checkpoint(folder) / name).read_bytes() for folder in folders}) == 1


def test_a_heartbeat_comes_every_two_seconds() -> None:
    """For any number of steps in between."""
    beats: list[float] = []
    now = [0.0]
    heartbeat = Heartbeat(lambda steps: beats.append(now[0]), lambda: now[0])
    state, control = TrainerState(), TrainerControl()
    for half_second in range(10):
        now[0] = half_second / 2
        heartbeat.on_step_end(None, state, control)
        heartbeat.on_substep_end(None, state, control)
    assert beats == [0.0, 2.0, 4.0]


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_steps_are_timed_without_their_first_and_without_evaluations() -> None:
    """A batch is loaded between two steps and counts; scoring and the checkpoint count as evaluation."""
    clock, beats = Clock(), list[StepProgress]()
    heartbeat = Heartbeat(beats.append, clock)
    state, control = TrainerState(), TrainerControl()

    def step(seconds: float, *, evaluates: bool = False) -> None:
        heartbeat.on_step_begin(None, state, control)
        clock.now += seconds
        state.global_step += 1
        state.epoch = state.global_step / 5
        control.should_evaluate = evaluates
        heartbeat.on_step_end(None, state, control)

    heartbeat.on_train_begin(None, state, control)
    step(30.0)  # compiles kernels
    for _ in range(3):
        clock.now += 0.5  # loads a batch
        step(1.5)
    step(2.0, evaluates=True)
    assert (beats[-1].timed_steps, beats[-1].training_seconds, beats[-1].evaluated) == (4, 8.0, None)
    assert (beats[-1].steps_per_second, beats[-1].seconds_per_epoch) == (0.5, 10.0)
    for _ in range(2):
        clock.now += 4.0
        heartbeat.on_prediction_step(None, state, control, eval_dataloader=[[0], [1], [2], [3]])
    assert (beats[-1].evaluated, beats[-1].evaluated_seconds, beats[-1].seconds_per_evaluation) == (0.5, 8.0, 16.0)
    clock.now += 1.0  # scores
    heartbeat.on_evaluate(None, state, control)
    assert (beats[-1].evaluations, beats[-1].evaluation_seconds, beats[-1].evaluated) == (1, 9.0, None)
    clock.now += 3.0
    heartbeat.on_save(None, state, control)
    step(2.0)
    assert (beats[-1].evaluation_seconds, beats[-1].timed_steps, beats[-1].training_seconds) == (12.0, 5, 10.0)
    clock.now += 5.0
    heartbeat.on_save(None, state, control)  # before the machine goes, in the middle of an epoch
    step(2.0)
    assert (beats[-1].timed_steps, beats[-1].training_seconds) == (6, 12.0)


def test_a_trial_has_heartbeats_in_training_and_in_evaluation(make_job: MakeJob, tmp_path: Path) -> None:
    """At every step and every batch of dev rows, if each takes longer than two seconds; the last is complete."""
    now = iter(range(0, 10_000, 10))
    beats: list[StepProgress] = []
    heartbeat = Heartbeat(beats.append, lambda: float(next(now)))
    reporter = RecordingReporter()
    run_trial(make_job(tmp_path), reporter, WorkerCache(), [heartbeat])
    training = [beat for beat in beats if beat.evaluated is None]
    assert sorted({beat.step for beat in training}) == [1, 2, 3, 4, 5]
    assert [beat.epoch for beat in training if beat.step < 5] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    shares = [beat.evaluated for beat in beats if beat.evaluated is not None]
    assert shares == pytest.approx([(number + 1) / len(shares) for number in range(len(shares))])
    assert len(shares) > 1
    assert (beats[-1].step, beats[-1].epoch, beats[-1].evaluations, beats[-1].timed_steps) == (5, 1.0, 1, 4)
    assert reporter.reports[-1].step == 5


def test_a_preemption_warning_saves_one_checkpoint_at_once(make_job: MakeJob, tmp_path: Path) -> None:
    """Between two evaluations; a trial that resumes from it ends as an uninterrupted one."""
    calls: list[int] = []

    class Preempted(Exception):
        """The machine is gone."""

    class Machine(SaveOnPreemption):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            super().on_step_end(args, state, control, **kwargs)
            if state.global_step == 9:
                raise Preempted

    def preemption() -> object | None:
        calls.append(1)
        return object() if len(calls) >= 3 else None

    config = {"num_train_epochs": 2, "logging_steps": 2}
    whole, cut, resumed = RecordingReporter(), RecordingReporter(), RecordingReporter()
    run_trial(make_job(tmp_path / "whole", config=config), whole, WorkerCache())
    with pytest.raises(Preempted):
        run_trial(make_job(tmp_path / "cut", config=config), cut, WorkerCache(), [Machine(preemption)])
    checkpoint = checkpoints.newest_resumable(tmp_path / "cut" / "checkpoints")
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.evaluated) == (6, 1.0)
    assert 1.0 < checkpoint.epoch < 2.0
    run_trial(make_job(tmp_path / "cut", config=config), resumed, WorkerCache())
    assert cut.epochs + resumed.epochs == whole.epochs == [1.0, 2.0]
    assert_same_file(checkpoints.EVALUATIONS, tmp_path / "whole", tmp_path / "cut")


class EndingSearch(RecordingReporter):
    """A search that ends at an optimizer step, at a batch of an evaluation, or before it decides on an epoch."""

    def __init__(self, *, step: int = 10**9, batch: int = 10**9, undecided_epoch: float = 10**9) -> None:
        super().__init__()
        self._step, self._batch, self._undecided_epoch = step, batch, undecided_epoch
        self._batches = 0

    def check_step(self, step: int) -> tuple[bool, int]:
        return step >= self._step, step + 1

    def check_evaluation(self) -> bool:
        self._batches += 1
        return self._batches >= self._batch

    def report(self, report: Report) -> Decision:
        if report.epoch >= self._undecided_epoch and not report.last:
            return Decision.INTERRUPT
        return super().report(report)

    def run(self, job: Job) -> Any:
        """Runs a trial that checks for the end of this search."""
        seconds = iter(range(10_000))
        callback = SaveOnShutdown(self.check_step, self.check_evaluation, lambda: float(next(seconds)))
        return run_trial(job, self, WorkerCache(), [callback])


CONFIG = {"num_train_epochs": 3, "logging_steps": 2}

#: Where the search ends, the step of the checkpoint, and the epoch of the last evaluation that was decided.
ENDS = {
    "in an epoch": ({"step": 7}, 7, 1.0),
    "before the first evaluation": ({"step": 2}, 2, 0.0),
    "at the step of an evaluation, and in it": ({"step": 10, "batch": 3}, 10, 1.0),
    "in the last evaluation": ({"batch": 5}, 15, 2.0),
    "before a decision": ({"undecided_epoch": 2.0}, 10, 1.0),
}


@pytest.mark.parametrize(("ends", "step", "evaluated"), ENDS.values(), ids=ENDS)
def test_a_trial_resumes_where_its_search_ended(
    ends: dict[str, Any], step: int, evaluated: float, make_job: MakeJob, tmp_path: Path
) -> None:
    """It reports what was not decided, and ends with the weights of an uninterrupted trial."""
    whole, cut, resumed = RecordingReporter(), EndingSearch(**ends), EndingSearch()
    run_trial(make_job(tmp_path / "whole", config=CONFIG), whole, WorkerCache())
    with pytest.raises(Interrupted):
        cut.run(make_job(tmp_path / "cut", config=CONFIG))
    checkpoint = checkpoints.newest_resumable(tmp_path / "cut" / "checkpoints")
    assert checkpoint is not None
    assert (checkpoint.step, checkpoint.evaluated) == (step, evaluated)
    complete = checkpoints.list_complete(tmp_path / "cut" / "checkpoints")
    assert set(cut.epochs[-1:]) <= {checkpoint.epoch for checkpoint in complete}  # the best model so far can be used
    assert cut.epochs == whole.epochs[: len(cut.epochs)]
    assert (cut.epochs[-1] if cut.epochs else 0.0) == evaluated
    resumed.run(make_job(tmp_path / "cut", config=CONFIG))
    assert cut.epochs + resumed.epochs == whole.epochs == [1.0, 2.0, 3.0]
    for name in (checkpoints.EVALUATIONS, "model.safetensors"):
        assert_same_file(name, tmp_path / "whole", tmp_path / "cut")


def test_a_second_interruption_at_the_same_evaluation_changes_nothing(make_job: MakeJob, tmp_path: Path) -> None:
    """The checkpoint stays as it is, including its random state."""
    whole, resumed = RecordingReporter(), EndingSearch()
    run_trial(make_job(tmp_path / "whole", config=CONFIG), whole, WorkerCache())
    contents = []
    for search in (EndingSearch(undecided_epoch=2.0), EndingSearch(batch=1), EndingSearch(undecided_epoch=2.0)):
        with pytest.raises(Interrupted):
            search.run(make_job(tmp_path / "cut", config=CONFIG))
        checkpoint = checkpoints.newest_intact(tmp_path / "cut" / "checkpoints")
        assert checkpoint is not None
        contents.append({file.name: file.read_bytes() for file in checkpoint.local_folder().iterdir()})
    assert contents[0] == contents[1] == contents[2]
    resumed.run(make_job(tmp_path / "cut", config=CONFIG))
    assert_same_file("model.safetensors", tmp_path / "whole", tmp_path / "cut")


def test_a_pending_evaluation_may_stop_a_trial_before_its_first_step(make_job: MakeJob, tmp_path: Path) -> None:
    """The resumed trial reports its pending evaluation and makes no further step."""

    class StoppingSearch(EndingSearch):
        def report(self, report: Report) -> Decision:
            super().report(report)
            return Decision.STOP

    with pytest.raises(Interrupted):
        EndingSearch(undecided_epoch=1.0).run(make_job(tmp_path, config=CONFIG))
    stopping = StoppingSearch()
    engine = stopping.run(make_job(tmp_path, config=CONFIG))
    assert [report.step for report in stopping.reports] == [5]
    assert engine.state.global_step == 5


def test_checks_start_over_when_training_restarts() -> None:
    """After a batch that did not fit into memory, steps are counted from the start again."""
    checked: list[int] = []

    def check_step(step: int) -> tuple[bool, int]:
        checked.append(step)
        return False, step + 100

    callback = SaveOnShutdown(check_step, lambda: False)
    for steps in ((1, 2, 101), (1, 2)):
        callback.on_train_begin(None, None, None)
        for step in steps:
            callback.on_step_end(None, TrainerState(global_step=step), TrainerControl())
    assert checked == [1, 101, 1]
