"""Signs of life, not too many of them; a checkpoint at once when the machine or the search is about to go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from tests.trainables.reporters import RecordingReporter
from trainables.training import checkpoints
from trainables.training.callbacks import Heartbeat, SaveOnPreemption, SaveOnShutdown
from trainables.training.job import Job
from trainables.training.reports import Decision, Interrupted, Report
from trainables.training.trial import WorkerCache, run_trial


def test_a_pulse_beats_now_and_then() -> None:
    """However quick the steps are."""
    beats: list[float] = []
    now = [0.0]
    pulse = Heartbeat(lambda: beats.append(now[0]), lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        pulse.on_step_end(None, None, None)
        pulse.on_prediction_step(None, None, None)
    assert beats == [0.0, 5.0, 10.0]


def test_a_trial_beats_in_training_and_in_evaluation(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Every step and every batch of dev rows."""
    now = iter(range(0, 10_000, 10))
    beats: list[int] = []
    pulse = Heartbeat(lambda: beats.append(1), lambda: float(next(now)))
    run_trial(make_job(tmp_path), RecordingReporter(), WorkerCache(), [pulse])
    assert len(beats) >= 5 + 2  # steps, and batches of the nine dev rows


def test_a_warning_saves_at_once_and_once(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Between two rungs; what went on from there ends as if nothing had happened."""
    asked: list[int] = []

    class Gone(Exception):
        """The machine."""

    class Machine(SaveOnPreemption):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            super().on_step_end(args, state, control, **kwargs)
            if state.global_step == 9:
                raise Gone

    def warning() -> object | None:
        asked.append(1)
        return object() if len(asked) >= 3 else None

    config = {"num_train_epochs": 2, "logging_steps": 2}
    calm, cut, resumed = RecordingReporter(), RecordingReporter(), RecordingReporter()
    run_trial(make_job(tmp_path / "calm", config=config), calm, WorkerCache())
    with pytest.raises(Gone):
        run_trial(make_job(tmp_path / "cut", config=config), cut, WorkerCache(), [Machine(warning)])
    point = checkpoints.newest_resumable(tmp_path / "cut" / "checkpoints")
    assert point is not None
    assert (point.step, point.evaluated) == (6, 1.0)
    assert 1.0 < point.epoch < 2.0
    run_trial(make_job(tmp_path / "cut", config=config), resumed, WorkerCache())
    assert cut.epochs + resumed.epochs == calm.epochs == [1.0, 2.0]
    ends = [checkpoints.list_complete(tmp_path / name / "checkpoints")[-1].here() for name in ("calm", "cut")]
    known = [(end / checkpoints.EVALUATIONS).read_text() for end in ends]
    assert known[0] == known[1]


class Ends(RecordingReporter):
    """The search, which ends at a step, within an evaluation, or before a report is decided."""

    def __init__(self, *, step: int = 10**9, batch: int = 10**9, report: float = 10**9) -> None:
        super().__init__()
        self._step, self._batch, self._interrupted = step, batch, report
        self._batches = 0

    def at_step(self, step: int) -> tuple[bool, int]:
        return step >= self._step, step + 1

    def anywhere(self) -> bool:
        self._batches += 1
        return self._batches >= self._batch

    def report(self, report: Report) -> Decision:
        if report.epoch >= self._interrupted and not report.last:
            return Decision.INTERRUPT
        return super().report(report)

    @property
    def heard(self) -> SaveOnShutdown:
        seconds = iter(range(10_000))
        return SaveOnShutdown(self.at_step, self.anywhere, lambda: float(next(seconds)))


CONFIG = {"num_train_epochs": 3, "logging_steps": 2}

#: Where the search ends, the step of the checkpoint then, and the last rung that was judged by then.
PLACES = {
    "in an epoch": ({"step": 7}, 7, 1.0),
    "before the first rung": ({"step": 2}, 2, 0.0),
    "at a rung, in its evaluation": ({"step": 10, "batch": 3}, 10, 1.0),
    "in the last evaluation": ({"batch": 5}, 15, 2.0),
    "before a report is decided": ({"report": 2.0}, 10, 1.0),
}


@pytest.mark.parametrize(("ends", "step", "evaluated"), PLACES.values(), ids=PLACES)
def test_a_search_that_ends_loses_nothing(
    ends: dict[str, Any], step: int, evaluated: float, make_job: Callable[..., Job], tmp_path: Path
) -> None:
    """Wherever it ends: what goes on from there tells what was not told, and ends as if nothing had happened."""
    calm, cut, resumed = RecordingReporter(), Ends(**ends), Ends()
    run_trial(make_job(tmp_path / "calm", config=CONFIG), calm, WorkerCache())
    with pytest.raises(Interrupted):
        run_trial(make_job(tmp_path / "cut", config=CONFIG), cut, WorkerCache(), [cut.heard])
    point = checkpoints.newest_resumable(tmp_path / "cut" / "checkpoints")
    assert point is not None
    assert (point.step, point.evaluated) == (step, evaluated)
    shelf = checkpoints.list_complete(tmp_path / "cut" / "checkpoints")
    told = cut.epochs
    assert set(told[-1:]) <= {point.epoch for point in shelf}  # it is the best so far, and somebody may want it now
    assert told == calm.epochs[: len(told)]
    assert (told[-1] if told else 0.0) == evaluated
    run_trial(make_job(tmp_path / "cut", config=CONFIG), resumed, WorkerCache(), [resumed.heard])
    assert told + resumed.epochs == calm.epochs == [1.0, 2.0, 3.0]
    ends_of = [checkpoints.list_complete(tmp_path / name / "checkpoints")[-1].here() for name in ("calm", "cut")]
    assert len({(end / checkpoints.EVALUATIONS).read_text() for end in ends_of}) == 1
    assert len({(end / "model.safetensors").read_bytes() for end in ends_of}) == 1


def test_a_trial_may_be_left_twice_at_one_rung(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """The second time it is left as it was: not even its random state is another."""
    calm, resumed = RecordingReporter(), Ends()
    run_trial(make_job(tmp_path / "calm", config=CONFIG), calm, WorkerCache())
    kept = []
    for ends in (Ends(report=2.0), Ends(batch=1), Ends(report=2.0)):
        with pytest.raises(Interrupted):
            run_trial(make_job(tmp_path / "cut", config=CONFIG), ends, WorkerCache(), [ends.heard])
        point = checkpoints.newest_whole(tmp_path / "cut" / "checkpoints")
        assert point is not None
        kept.append({file.name: file.read_bytes() for file in point.here().iterdir()})
    assert kept[0] == kept[1] == kept[2]
    run_trial(make_job(tmp_path / "cut", config=CONFIG), resumed, WorkerCache(), [resumed.heard])
    ends_of = [checkpoints.list_complete(tmp_path / name / "checkpoints")[-1].here() for name in ("calm", "cut")]
    assert len({(end / "model.safetensors").read_bytes() for end in ends_of}) == 1


def test_a_trial_that_is_stopped_where_it_was_left_makes_no_step(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Its evaluation is told, and that was all."""

    class Strict(Ends):
        def report(self, report: Report) -> Decision:
            super().report(report)
            return Decision.STOP

    cut, strict = Ends(report=1.0), Strict()
    with pytest.raises(Interrupted):
        run_trial(make_job(tmp_path, config=CONFIG), cut, WorkerCache(), [cut.heard])
    engine = run_trial(make_job(tmp_path, config=CONFIG), strict, WorkerCache(), [strict.heard])
    assert [report.step for report in strict.reports] == [5]
    assert engine.state.global_step == 5


def test_the_end_is_asked_about_anew_where_training_begins_anew() -> None:
    """As after a batch that did not fit: its steps are counted from the start again."""
    asked: list[int] = []

    def at_step(step: int) -> tuple[bool, int]:
        asked.append(step)
        return False, step + 100

    heard = SaveOnShutdown(at_step, lambda: False)
    for steps in ((1, 2, 101), (1, 2)):
        heard.on_train_begin(None, None, None)
        for step in steps:
            heard.on_step_end(None, TrainerState(global_step=step), TrainerControl())
    assert asked == [1, 101, 1]
