"""Runs one command in a process of its own, and judges what it gave."""

from __future__ import annotations

import hashlib
import os
import resource
import shlex
import signal
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

#: Seconds that a command may take; it works on a tiny model.
LIMIT = 10.0

#: The exit code of a command that got as far as its trials.
_REACHED = 77

#: Files of a command's answer, beside the workspace.
_OUT, _ERR, _STATE = "stdout", "stderr", "state"


class Verdict(StrEnum):
    """What a command gave on damaged files. The last four are faults."""

    SAME = "the usual result"
    TOLD = "another result, and a line that says what is damaged"
    REFUSED = "a message and exit code 2"
    PAUSED = "a message and exit code 1"
    TRACEBACK = "a traceback"
    HANG = "no end within ten seconds"
    SILENT = "another result without a word"
    CRASH = "another exit code, or none of its own"


#: What must not happen.
FAULTS = (Verdict.TRACEBACK, Verdict.HANG, Verdict.SILENT, Verdict.CRASH)


@dataclass(frozen=True)
class Outcome:
    """What a command gave.

    Args:
        code: Exit code, negative after a signal; None: it was killed after `LIMIT`.
        result: A hash of what it made: the model, the predictions, the scores, or the trials to run.
    """

    code: int | None
    out: str
    err: str
    result: str


def run(command: str, workspace: Path, answers: Path) -> Outcome:
    """Runs a command of kotune in `workspace`, in a fork of this process, which has imported everything.

    Args:
        answers: A folder for what it prints.
    """
    answers.mkdir(exist_ok=True)
    for name in (_OUT, _ERR, _STATE):
        (answers / name).write_bytes(b"")
    pid = os.fork()
    if pid == 0:
        _child(command, workspace, answers)
    code = _wait(pid)
    out, err, state = ((answers / name).read_text(encoding="utf-8", errors="replace") for name in (_OUT, _ERR, _STATE))
    return Outcome(code, out, err, _result(command, workspace, out, state))


def judge(outcome: Outcome, usual: Outcome, path: Path) -> Verdict:
    """Returns what an outcome is, compared with the one on undamaged files.

    Args:
        path: The damaged file.
    """
    if outcome.code is None:
        return Verdict.HANG
    if "Traceback (most recent call last)" in outcome.out + outcome.err:
        return Verdict.TRACEBACK
    if outcome.code == 2 and outcome.err.count("kotune: ") == 1:
        return Verdict.REFUSED
    if outcome.code == 1 and "kotune: " in outcome.err:
        return Verdict.PAUSED
    if outcome.code not in (0, _REACHED):
        return Verdict.CRASH
    if (outcome.code, outcome.result) == (usual.code, usual.result):
        return Verdict.SAME
    more = {*(outcome.out + outcome.err).splitlines()} - {*(usual.out + usual.err).splitlines()}
    names = (path.name, path.parent.name, "damaged", "missing", "lost", "cannot be read", "differs", "no summary")
    return Verdict.TOLD if any(name in line for line in more for name in names) else Verdict.SILENT


def _wait(pid: int) -> int | None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _child(command: str, workspace: Path, answers: Path) -> NoReturn:
    """Runs the command. Does not return: what follows belongs to the parent."""
    code = 1
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for number, name in ((1, _OUT), (2, _ERR)):
            os.dup2(os.open(answers / name, os.O_WRONLY | os.O_TRUNC), number)
        os.chdir(workspace)
        _stop_before_ray(answers / _STATE)
        import cli

        sys.argv = ["cli.py", *shlex.split(command)]
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the parent finds the traceback in the output
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _stop_before_ray(state: Path) -> None:
    """Trials are not run: their records, settings and data are written instead."""
    from delivery.sessions import session
    from foundation.checked_json import plain

    def reached(study: Any, material: Any, *args: Any, **options: Any) -> NoReturn:
        space = study.space.to_dict()
        space["sampler"] = space["data"] = None  # paths
        state.write_text(repr((plain(study.records), space)), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_REACHED)

    session.run_trials = reached
    session.start_early = lambda space, address: None


def _result(command: str, workspace: Path, out: str, state: str) -> str:
    """Returns a hash of what the command made."""
    digest = hashlib.sha256()
    if command.startswith(("status", "evaluate")):
        digest.update(out.encode())
    digest.update(state.encode())
    made = [workspace / "out.csv", *sorted((workspace / "out").rglob("*"))]
    for path in made:
        if path.is_file() and path.name not in ("README.md", "kotune.json"):  # they name times and folders
            digest.update(path.relative_to(workspace).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
