"""The steps that a trial has logged, shared by its attempts."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from trainables.tracking.logged_steps import LoggedSteps


def test_an_older_attempt_logs_nothing_after_a_takeover(tmp_path: Path) -> None:
    """The owner of its slot was killed, and it has not noticed yet."""
    old, new = LoggedSteps(tmp_path / "logged.json"), LoggedSteps(tmp_path / "logged.json")
    old.take_over()
    assert old.new({"loss": 1.0}, 10) == {"loss": 1.0}
    old.add(["loss"], 10)
    new.take_over()
    assert old.new({"loss": 1.0}, 20) == {}
    assert new.new({"loss": 1.0}, 10) == {}
    assert new.new({"loss": 1.0}, 20) == {"loss": 1.0}
    new.add(["loss"], 20)
    assert old.new({"loss": 1.0}, 30) == {}


def test_attempts_wait_for_one_another(tmp_path: Path) -> None:
    """What one attempt logs is recorded before the next one takes over."""
    old, new = LoggedSteps(tmp_path / "logged.json"), LoggedSteps(tmp_path / "logged.json")
    with old.exclusive():
        thread = threading.Thread(target=new.take_over)
        thread.start()
        old.add(["loss"], 10)
        time.sleep(0.2)
        assert thread.is_alive()
    thread.join(5)
    assert new.new({"loss": 1.0}, 10) == {}


def test_several_values_of_one_step_are_logged_once_each(tmp_path: Path) -> None:
    """Loss and evaluation of a step are logged one after the other."""
    steps = LoggedSteps(tmp_path / "logged.json")
    steps.add(["loss"], 10)
    assert steps.new({"loss": 1.0, "eval": 2.0}, 10) == {"eval": 2.0}
    steps.add(["eval"], 10)
    assert steps.new({"loss": 1.0, "eval": 2.0}, 10) == {}


def test_a_damaged_file_counts_as_nothing_logged(tmp_path: Path) -> None:
    """A step may then be logged twice, which is better than failing the trial."""
    (tmp_path / "logged.json").write_text('{"step": 1')
    assert LoggedSteps(tmp_path / "logged.json").new({"loss": 1.0}, 0) == {"loss": 1.0}


def test_a_file_of_the_previous_version_is_read(tmp_path: Path) -> None:
    """It has the same fields."""
    (tmp_path / "logged.json").write_text('{"step": 5, "names": ["loss"], "by": ""}')
    steps = LoggedSteps(tmp_path / "logged.json")
    assert steps.new({"loss": 1.0}, 4) == {}
    assert steps.new({"loss": 1.0}, 6) == {"loss": 1.0}
