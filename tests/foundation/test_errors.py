"""Messages in three parts, and several errors in one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.errors import UserError, UserErrors, nearest, raise_all

_ROOT = Path(__file__).parents[2]


def test_a_message_has_three_parts_on_three_lines() -> None:
    """The problem, what is allowed, and what to do."""
    assert str(UserError("seed is 'x'", "a whole number", "write 1")) == (
        "seed is 'x'\n  allowed: a whole number\n  to do:   write 1"
    )


def test_an_empty_part_leaves_no_empty_line() -> None:
    """A part that is empty is not printed."""
    assert str(UserError("no such file", "", "correct the path")) == "no such file\n  to do:   correct the path"


def test_no_problem_raises_nothing() -> None:
    """An empty list of problems is not an error."""
    raise_all([])


def test_one_problem_is_raised_as_itself() -> None:
    """A single problem is not wrapped."""
    problem = UserError("one", "a file", "name one")
    with pytest.raises(UserError) as caught:
        raise_all([problem])
    assert caught.value is problem


def test_several_problems_are_raised_together() -> None:
    """All are kept, and all are in the message."""
    with pytest.raises(UserErrors, match=r"(?s)first.*second") as caught:
        raise_all([UserError("first", "", ""), UserError("second", "", "")])
    assert [problem.problem for problem in caught.value.problems] == ["first", "second"]


def test_nearest_suggests_a_similar_name_only() -> None:
    """A typo gives a suggestion, nonsense gives none."""
    assert nearest("lerning_rate", ["num_beams", "learning_rate"]) == "did you mean 'learning_rate'?"
    assert nearest("zzz", ["num_beams", "learning_rate"]) == ""


@pytest.mark.parametrize(("active", "below"), [(True, False), (False, False), (False, True)])
def test_a_printed_command_can_be_pasted(tmp_path: Path, active: bool, below: bool) -> None:
    """Without an active environment `python` is given by its path, relative if it is below the working directory."""
    scripts = Path(sys.executable).parent
    (tmp_path / "cli.py").write_text("from foundation.errors import COMMAND, program; print(COMMAND, program('x'))")
    paths = os.environ["PATH"].split(os.pathsep)
    others = [path for path in paths if not (Path(path) / "python").exists()]
    path = os.pathsep.join([str(scripts), *others] if active else others)
    folder = scripts.parent if below else tmp_path
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(_ROOT)}
    command = [sys.executable, tmp_path / "cli.py"]
    printed = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    where = "" if active else f"{scripts.relative_to(folder) if below else scripts}/"
    (tmp_path / "kotune").write_text("from foundation.errors import COMMAND; print(COMMAND)")
    short = subprocess.run(
        [sys.executable, tmp_path / "kotune"], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    assert short.stdout.split() == [f"{where}kotune"]
    assert printed.stdout.split() == [f"{where}python", "cli.py", f"{where}x"]
