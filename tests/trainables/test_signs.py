"""Signs of life, not too many of them; a checkpoint at once when the machine is about to go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainables import checkpoints
from trainables.job import Job
from trainables.signs import Preemption, Pulse
from trainables.trial import Workshop, run_trial


class Keen:
    """Always goes on."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def report(self, result: dict[str, Any]) -> bool:
        self.epochs.append(result["epoch"])
        return True


def test_a_pulse_beats_now_and_then() -> None:
    """However quick the steps are."""
    beats: list[float] = []
    now = [0.0]
    pulse = Pulse(lambda: beats.append(now[0]), lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        pulse.on_step_end(None, None, None)
        pulse.on_prediction_step(None, None, None)
    assert beats == [0.0, 5.0, 10.0]


def test_a_trial_beats_in_training_and_in_evaluation(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Every step and every batch of dev rows."""
    now = iter(range(0, 10_000, 10))
    beats: list[int] = []
    pulse = Pulse(lambda: beats.append(1), lambda: float(next(now)))
    run_trial(make_job(tmp_path), Keen(), Workshop(), [pulse])
    assert len(beats) >= 5 + 2  # steps, and batches of the nine dev rows


def test_a_warning_saves_at_once_and_once(make_job: Callable[..., Job], tmp_path: Path) -> None:
    """Between two rungs; what went on from there ends as if nothing had happened."""
    asked: list[int] = []

    class Gone(Exception):
        """The machine."""

    class Machine(Preemption):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            super().on_step_end(args, state, control, **kwargs)
            if state.global_step == 9:
                raise Gone

    def warning() -> object | None:
        asked.append(1)
        return object() if len(asked) >= 3 else None

    config = {"num_train_epochs": 2, "logging_steps": 2}
    calm, cut, resumed = Keen(), Keen(), Keen()
    run_trial(make_job(tmp_path / "calm", config=config), calm, Workshop())
    with pytest.raises(Gone):
        run_trial(make_job(tmp_path / "cut", config=config), cut, Workshop(), [Machine(warning)])
    point = checkpoints.newest_resumable(tmp_path / "cut" / "checkpoints")
    assert point is not None
    assert (point.step, point.evaluated) == (6, 1.0)
    assert 1.0 < point.epoch < 2.0
    run_trial(make_job(tmp_path / "cut", config=config), resumed, Workshop())
    assert cut.epochs + resumed.epochs == calm.epochs == [1.0, 2.0]
    ends = [checkpoints.list_complete(tmp_path / name / "checkpoints")[-1].here() for name in ("calm", "cut")]
    known = [(end / checkpoints.EVALUATIONS).read_text() for end in ends]
    assert known[0] == known[1]
