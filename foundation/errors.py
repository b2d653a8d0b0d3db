"""The mistakes a user can make, said in three parts: what was given, what is allowed, what to do."""

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
    """What to type for a program of this environment: its name, or its path where no environment is active.

    As under `make tune`: a line that tells what to type can be typed as it is.
    """
    ours = Path(sys.executable).parent
    found = shutil.which("python")
    if Path(sys.argv[0]).stem != "cli" or (found is not None and Path(found).parent == ours):
        return name
    path = ours / name
    with contextlib.suppress(OSError, ValueError):  # a folder that was deleted; a path that lies elsewhere
        path = path.relative_to(Path.cwd())
    return shlex.quote(str(path))


#: How kotune was called, for the commands that a message or a summary tells to type.
COMMAND = "kotune" if Path(sys.argv[0]).stem == "kotune" else f"{program('python')} cli.py"


class UserError(Exception):
    """A mistake the person at the keyboard can mend.

    Args:
        given: what was given, and where (file, row, option).
        allowed: what would have been accepted.
        todo: the next thing to type or change.
    """

    def __init__(self, given: str, allowed: str = "", todo: str = "") -> None:
        super().__init__(given, allowed, todo)
        self.given, self.allowed, self.todo = given, allowed, todo

    def __str__(self) -> str:
        parts = [self.given, self.allowed and f"allowed: {self.allowed}", self.todo and f"to do:   {self.todo}"]
        return redact("\n  ".join(part for part in parts if part))


class UserErrors(UserError):
    """Several mistakes at once, so that nobody mends them one run at a time."""

    def __init__(self, problems: Sequence[UserError]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)

    def __reduce__(self) -> tuple[type[UserErrors], tuple[list[UserError]]]:
        return UserErrors, (self.problems,)


def raise_all(problems: Sequence[UserError]) -> None:
    """Raise nothing for no problem, the problem itself for one, `UserErrors` for more."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise UserErrors(problems)


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name most like `name`, as a clause to append to a message; empty when none is near."""
    close = difflib.get_close_matches(name, [str(name) for name in known], n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else ""


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, KeyError):
        return f"unknown {error}"  # it says no more than the key
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
