"""A trial in this process: stopped in mid-epoch, resumed, out of time, without storage."""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback

from benchmarks.small import small_space, small_study
from foundation.statuses import SessionEnd, TrialStatus
from search_spaces.choices import Runner
from search_spaces.schema import Budget, Space
from trainables.training import callbacks, checkpoints
from tuning import local_run
from tuning.display.live import SilentView
from tuning.display.time_left import TimeLeft
from tuning.local_run import LocalRun
from tuning.progress_note import RunningTrial, read_progress
from tuning.studies.study import Study


class AtStep(TrainerCallback):  # type: ignore[misc]
    """Calls `action` at the end of an optimizer step."""

    def __init__(self, step: int, action: Callable[[], None]) -> None:
        self._step, self._action = step, action

    def on_step_end(self, args: object, state: object, control: object, **_: object) -> None:
        if state.global_step == self._step:  # type: ignore[attr-defined]
            self._action()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Space:
    """Two epochs of four steps each, of one configuration."""
    whole = small_space(tmp_path_factory.mktemp("space"))
    fixed = {**whole.fixed, "learning_rate": 1e-3}
    return replace(whole, fixed=fixed, search={}, runner=Runner.LOCAL, budget=Budget(trials=1))


def weights(study: Study) -> dict[str, object]:
    """The newest model of the study's trial."""
    newest = checkpoints.list_complete(study.paths.checkpoints(f"{study.name}-0000"))[-1]
    return dict(load_file(newest.local_folder() / "model.safetensors"))


def test_a_stopped_trial_continues_bit_for_bit(space: Space, tmp_path: Path) -> None:
    """Stopped at step 2 of 4 in the first epoch: the same results and weights as without a break."""
    whole, material = small_study(tmp_path / "a", "mine", space)
    uninterrupted = LocalRun(whole, material, None, SilentView())
    uninterrupted.run()
    assert uninterrupted.end is SessionEnd.DONE

    study, material = small_study(tmp_path / "b", "mine", space)
    callbacks: list[TrainerCallback] = []
    run = LocalRun(study, material, None, SilentView(), callbacks)
    callbacks.append(AtStep(2, run.stop))
    run.run()
    assert run.end is SessionEnd.INTERRUPTED
    (record,) = study.records.values()
    assert (record.status, record.results) == (TrialStatus.RUNNING, [])
    (point,) = checkpoints.list_complete(study.paths.checkpoints(record.trial_id))
    assert (point.epoch, point.resumable) == (0.5, True)

    study = Study.load(study.paths.root.parent, "mine")
    again = LocalRun(study, material, None, SilentView())
    again.run()
    assert again.end is SessionEnd.DONE
    results, expected = (
        [(result.epoch, result.step, result.metrics["loss"]) for result in one.records["mine-0000"].results]
        for one in (study, whole)
    )
    assert results == expected
    first, second = weights(study), weights(whole)
    assert all((first[name] == second[name]).all() for name in second)  # type: ignore[attr-defined]


def test_a_time_budget_saves_the_trial(space: Space, tmp_path: Path) -> None:
    """A budget of no time at all ends after the first step; the checkpoint is kept."""
    limited = replace(space, budget=Budget(trials=1, time=1e-6))
    study, material = small_study(tmp_path, "mine", limited)
    run = LocalRun(study, material, None, SilentView())
    run.run()
    assert run.end is SessionEnd.TIME_BUDGET
    (point,) = checkpoints.list_complete(study.paths.checkpoints("mine-0000"))
    assert point.step == 1


def test_a_step_that_takes_too_long_is_not_waited_for(
    space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user pressed Ctrl-C: the checkpoint before stays, and the trial continues from there."""
    monkeypatch.setattr(local_run, "_STOP_SECONDS", 0.2)
    study, material = small_study(tmp_path, "mine", space)
    callbacks: list[TrainerCallback] = []
    run = LocalRun(study, material, None, SilentView(), callbacks)

    def hang() -> None:
        run.stop()
        for _ in range(3000):  # in steps, because an exception is raised between two instructions of Python
            time.sleep(0.01)

    callbacks.append(AtStep(6, hang))
    started = time.monotonic()
    run.run()
    assert time.monotonic() - started < 25
    assert run.end is SessionEnd.INTERRUPTED
    assert [result.epoch for result in study.records["mine-0000"].results] == [1.0]
    assert checkpoints.list_complete(study.paths.checkpoints("mine-0000"))[-1].step == 4


def test_a_full_disk_pauses_the_study(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial has not failed; it continues when there is room."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    study, material = small_study(tmp_path, "mine", space)
    monkeypatch.setattr(local_run, "run_trial", full)
    run = LocalRun(study, material, None, SilentView())
    run.run()
    assert run.end is SessionEnd.STORAGE_LOST
    assert study.records["mine-0000"].status is TrialStatus.RUNNING


def test_a_bug_fails_the_trial_with_its_trace(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a slot: the record has the reason, the trial's folder the traceback."""

    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("division by zero")

    study, material = small_study(tmp_path, "mine", space)
    monkeypatch.setattr(local_run, "run_trial", broken)
    run = LocalRun(study, material, None, SilentView())
    run.run()
    record = study.records["mine-0000"]
    assert (run.end, record.status) == (SessionEnd.DONE, TrialStatus.FAILED)
    assert record.reason == "ZeroDivisionError: division by zero"
    assert "in broken" in (study.paths.trial("mine-0000") / "error.txt").read_text(encoding="utf-8")


def test_a_trial_whose_last_result_is_recorded_is_not_trained_again(space: Space, tmp_path: Path) -> None:
    """The process was killed between its last result and its status."""
    study, material = small_study(tmp_path, "mine", space)
    record = local_run.only_trial(study)
    study.add(record.trial_id, 2.0, 8, {"loss": 1.0}, 1.0, last=True)
    run = LocalRun(study, material, None, SilentView())
    run.run()
    assert (run.end, record.status) == (SessionEnd.DONE, TrialStatus.COMPLETED)


def test_a_deadline_without_a_stop_raises_nothing() -> None:
    """Its thread waits for `stop` alone."""
    with local_run._deadline(threading.Event(), 0.0):
        time.sleep(0.05)


class SayingView(SilentView):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_steps_are_said_and_noted(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a minute, and for `status`; here at every heartbeat, and each step is one."""
    monkeypatch.setattr(local_run, "_SAY_SECONDS", 0.0)
    monkeypatch.setattr(local_run, "NOTE_SECONDS", 0.0)
    monkeypatch.setattr(callbacks, "_HEARTBEAT_SECONDS", 0.0)
    study, material = small_study(tmp_path, "mine", space)
    view = SayingView()
    LocalRun(study, material, None, view, earlier_seconds=100.0).run()
    assert view.lines[0] == "epoch 0.25/2, 1/8 steps"
    assert re.fullmatch(r"epoch 0.75/2, 3/8 steps, [0-9.e+]+ steps/s", view.lines[2])
    assert view.lines[4].startswith("epoch 1.00/2, 4/8 steps, evaluating, ")
    after = view.lines.index(next(line for line in view.lines if line.startswith("epoch 1/2  step 4")))
    assert re.search(r"epoch 1.25/2, 5/8 steps, .* steps/s, about 0:\d\d left", " ".join(view.lines[after:]))
    note = read_progress(study.paths.progress)
    assert note is not None
    assert (note.slots, note.running[0].step, note.running[0].steps) == (1, 8, 8)
    assert note.elapsed_seconds > 100


def test_a_bar_shows_the_steps_itself(space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No line is written above it but for the evaluations."""
    monkeypatch.setattr(callbacks, "_HEARTBEAT_SECONDS", 0.0)
    study, material = small_study(tmp_path, "mine", space)
    view, shown = SayingView(), list[tuple[RunningTrial, TimeLeft | None]]()
    LocalRun(study, material, None, view, show_steps=lambda *steps: shown.append(steps)).run()
    assert [trial.step for trial, _ in shown][:4] == [1, 2, 3, 4]
    assert shown[-1][1] == TimeLeft(0.0)
    assert [line.split("  ")[0] for line in view.lines] == ["epoch 1/2", "epoch 2/2"]
