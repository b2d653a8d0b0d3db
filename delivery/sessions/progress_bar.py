"""The progress bar of a training in this process, on a terminal, below the lines of its evaluations."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from transformers import TrainerCallback, TrainerControl, TrainerState

from foundation.formatting import short_number
from tuning.display.time_left import TimeLeft
from tuning.progress_note import RunningTrial

#: On a narrower terminal the texts need all the room.
_NARROWEST_WITH_BAR = 100


class ProgressBar(TrainerCallback):
    """Shows optimizer steps, their speed, the newest loss and the time left. Close it in a `finally`."""

    def __init__(self, console: Console) -> None:
        has_bar = console.width >= _NARROWEST_WITH_BAR
        columns = (
            TextColumn("{task.description}"),
            *([BarColumn(bar_width=None)] if has_bar else []),  # as wide as the texts leave
            MofNCompleteColumn(),
            TextColumn("steps"),
            TextColumn("{task.fields[texts]}"),
            TextColumn("{task.fields[left]}"),
        )
        self._progress = Progress(*columns, console=console, transient=True, expand=has_bar)
        self._speed = self._loss = ""
        self._task = self._progress.add_task("training", total=None, texts="", left="")

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._progress.update(self._task, total=state.max_steps, completed=state.global_step)
        self._progress.start()

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        phase = "evaluating" if control.should_evaluate else "training"
        self._progress.update(self._task, completed=state.global_step, description=phase)

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._progress.update(self._task, description="training")

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        if logs and "loss" in logs:
            self._loss = f"loss {float(logs['loss']):.4g}"
            self._show_texts()

    def show_steps(self, trial: RunningTrial, left: TimeLeft | None) -> None:
        """Shows speed and time left; evaluations are part of it, which the steps alone do not tell."""
        if trial.steps_per_second is not None:
            self._speed = f"{short_number(trial.steps_per_second)}/s"
        # A scheduler's maximum may end the trial before the steps that its learning rate is planned for.
        self._progress.update(self._task, total=trial.steps or None, left=left.text if left else "")
        self._show_texts()

    def _show_texts(self) -> None:
        self._progress.update(self._task, texts="  ".join(text for text in (self._speed, self._loss) if text))

    def close(self) -> None:
        """Removes the bar. Can be called twice, and before anything was drawn."""
        self._progress.stop()
