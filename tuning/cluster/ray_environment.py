"""Environment variables that Ray reads when it is imported or when one of its processes starts.

A module that imports Ray for the driver runs `os.environ.update(ray_environment.DEFAULTS | os.environ)` first.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from foundation.errors import UserError

#: Variable -> value, unless the user has set another one.
DEFAULTS = {
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths stay valid
    "RAY_TRAIN_V2_ENABLED": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the trial records are the log
    "TUNE_FORCE_TRIAL_CLEANUP_S": "6",  # do not wait for a slot in the middle of an epoch
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # a lost slot is replaced; a trial's own failure is shown by kotune
    "TUNE_GLOBAL_CHECKPOINT_S": "1e9",  # kotune never reads Tune's own state
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",  # a failed trial reports a reason and no metric
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # trials are the main load of the machine
    # A slot is a few small actors that start together; Ray would warn about many starting processes.
    "RAY_worker_maximum_startup_concurrency": "8",
}

#: The longest path of a socket that Ray creates below its temporary folder, and the most that the system accepts.
_SOCKET = "/kt-abcdefgh/r/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store"
_LONGEST_PATH = 103 if sys.platform == "darwin" else 107


def temporary_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Returns the folder in which a Ray of this machine has its own; Ray looks for it in the same variables."""
    name = _named(environment)
    return Path("/tmp" if name is None else environment[name])


def _named(environment: Mapping[str, str]) -> str | None:
    """Returns the variable that names the temporary folder; None if there is none. On macOS, TMPDIR is too long."""
    names = ("RAY_TMPDIR", "TMPDIR") if sys.platform.startswith("linux") else ("RAY_TMPDIR",)
    return next((name for name in names if environment.get(name)), None)


def check_temporary_folder(environment: Mapping[str, str] = os.environ) -> None:
    """Checks that a Ray of this machine can create its sockets.

    Raises:
        UserError: the path of the temporary folder is too long, or the folder cannot be written.
    """
    name = _named(environment)
    if name is None:
        return
    folder, most = environment[name], _LONGEST_PATH - len(_SOCKET)
    todo = "export RAY_TMPDIR=/tmp"
    if (length := len(os.fsencode(folder))) > most:
        problem = f"{name}={folder} has {length} bytes, too many for the sockets that Ray creates below it"
        raise UserError(problem, f"a folder whose path has at most {most} bytes", todo)
    parent = next((path for path in (Path(folder), *Path(folder).parents) if path.exists()), Path("/"))
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise UserError(f"{name}={folder}: {parent} is not a folder that can be written", "a writable folder", todo)
