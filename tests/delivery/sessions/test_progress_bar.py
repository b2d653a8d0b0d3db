"""The bar of a training: steps, loss, what is being done, and a terminal left as it was found."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from transformers import TrainerControl, TrainerState

from delivery.sessions.progress_bar import ProgressBar
from tuning.display.time_left import TimeLeft
from tuning.progress_note import RunningTrial


def drawn(*calls: tuple[str, dict[str, Any]]) -> str:
    """What a terminal gets to see when these callbacks come one after another, each at an optimizer step of its own."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    meter = ProgressBar(console)
    state, control = TrainerState(max_steps=10, global_step=4), TrainerControl()
    meter.on_train_begin(None, state, control)
    for step, (name, given) in enumerate(calls, start=5):
        state.global_step = step
        control.should_evaluate = given.pop("evaluates", False)
        getattr(meter, name)(None, state, control, **given)
        meter._progress.refresh()
    meter.close()
    meter.close()
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_steps_and_loss_are_shown() -> None:
    """Steps go on from where a resumed training stood; a log without a loss changes nothing."""
    shown = drawn(("on_step_end", {}), ("on_log", {"logs": {"loss": 0.25}}), ("on_log", {"logs": {"eval_loss": 9.0}}))
    assert "5/10 steps" in shown
    assert "loss 0.25" in shown
    assert "loss 9" not in shown


def test_an_evaluation_is_told_until_it_ends() -> None:
    """Evaluations of many rows take long, with no step in between."""
    shown = drawn(("on_step_end", {"evaluates": True}), ("on_evaluate", {}))
    assert shown.index("evaluating") < shown.rindex("training")


def test_speed_and_time_left_are_shown() -> None:
    """The time left has the evaluations; the total is that of the trial, which a scheduler's maximum may cut."""
    trial = RunningTrial(0, 0.5, 1.0, step=540, steps=1125, steps_per_second=0.4871, evaluated=None)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    bar = ProgressBar(console)
    bar.on_train_begin(None, TrainerState(max_steps=5000, global_step=540), TrainerControl())
    bar.on_log(None, TrainerState(), TrainerControl(), {"loss": 7.33142})
    bar.show_steps(trial, TimeLeft(3720.0, has_evaluations=False))
    bar._progress.refresh()
    bar.close()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "training  540/1125 steps 0.487/s  loss 7.331 about 1:02:00 left + evaluations" in shown


def test_the_cursor_comes_back() -> None:
    """Hidden while the bar is drawn, shown at the end."""
    assert drawn().rindex("\x1b[?25h") > drawn().rindex("\x1b[?25l")
