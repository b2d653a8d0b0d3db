"""Errors of the user. Each message has three parts: the problem, what is allowed, and what to do."""

from __future__ import annotations

import contextlib
import difflib
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from foundation.secrets import redact


def program(name: str) -> str:
    """Returns how to call a program of this environment: its name, or its path if the environment is not active.

    Under `make tune` it is not active, and a printed command must work when it is pasted.
    """
    scripts, started = Path(sys.executable).parent, Path(sys.argv[0]).stem
    on_path = shutil.which("python" if started == "cli" else name)
    if started not in ("cli", "kotune") or (on_path is not None and Path(on_path).parent == scripts):
        return name
    path = scripts / name
    with contextlib.suppress(OSError, ValueError):  # the working directory was deleted, or is not above the path
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


#: How kotune was called, for the commands in messages and summaries.
COMMAND = program("kotune") if Path(sys.argv[0]).stem == "kotune" else f"{program('python')} cli.py"


class UserError(Exception):
    """A mistake that the user can fix.

    Args:
        problem: What is wrong, and where (file, row, option).
        allowed: What is accepted.
        todo: What to type or change next.
    """

    def __init__(self, problem: str, allowed: str, todo: str) -> None:
        super().__init__(problem, allowed, todo)
        self.problem, self.allowed, self.todo = problem, allowed, todo

    def __str__(self) -> str:
        parts = [self.problem, self.allowed and f"allowed: {self.allowed}", self.todo and f"to do:   {self.todo}"]
        return redact("\n  ".join(part for part in parts if part))


class UserErrors(UserError):
    """Several mistakes in one message, so that the user can fix all of them in one go."""

    def __init__(self, problems: Sequence[UserError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems), "", "")
        self.problems = list(problems)

    def __reduce__(self) -> tuple[type[UserErrors], tuple[list[UserError]]]:
        return UserErrors, (self.problems,)


def raise_all(problems: Sequence[UserError]) -> None:
    """Raises a single problem as it is and several as `UserErrors`; does nothing without problems."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UserErrors(problems)


#: The smallest similarity of a hint, which must not lead to another setting: max_steps is not max_time.
_SIMILAR = 0.75


def nearest(name: str, candidates: Iterable[str]) -> str:
    """Returns "did you mean …?" with the candidate most similar to `name`; empty if none is similar."""
    close = difflib.get_close_matches(name, [str(candidate) for candidate in candidates], n=1, cutoff=_SIMILAR)
    return f"did you mean {close[0]!r}?" if close else ""


def near_names(name: str, candidates: Iterable[str], most: int = 5) -> str:
    """Returns at most `most` candidates, separated by commas: all of a short list, else those most similar to `name`.

    The result is empty if none of many candidates is similar.
    """
    names = sorted(set(candidates))
    return ", ".join(names if len(names) <= most else difflib.get_close_matches(name, names, n=most, cutoff=0.5))


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message."""
    if isinstance(error, KeyError):
        return f"unknown {error}"  # its message is the key alone
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
