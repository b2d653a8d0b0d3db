"""The runtime environment of a job: which code its processes run, and from which server they are forked."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from foundation import private_folders
from trainables.forking import client, code_copy, request
from trainables.forking.protocol import PREFIX, SOCKET

#: What fork servers import: everything that a slot's processes need, except Ray, whose core reads the settings of one
#: process from the environment when it is imported. Then what Ray, the first evaluation and the first W&B run import.
MODULES = (
    "trainables.training.trial",
    "requests",
    "jsonschema",
    "google.protobuf.message",
    "rich.console",
    "sklearn.metrics",
    "wandb",
    "wandb.sdk.launch",  # `wandb.init` imports it, which takes three seconds
)

#: Of the folder of this process for fork servers; not a prefix of other names.
_OWN_PREFIX = f"{PREFIX}fork-"

#: Seconds after which folders that dead processes left are removed.
_MAX_AGE_SECONDS = 7 * 86400.0

#: Entries of a user's own runtime environment that decide how processes start.
_USER_SETTINGS = ("py_executable", "conda", "image_uri", "container", "uv")

#: The folder in which Ray unpacks the code of a job.
_UNPACKED = "runtime_resources"

_log = logging.getLogger(__name__)


@cache
def start_fork_server() -> Path | None:
    """Starts a fork server that imports the libraries in the background.

    Returns its folder, or None if processes are not forked.
    """
    folder = _folder()
    if folder is not None:
        try:
            client.start(folder, MODULES, until=os.getpid())
        except OSError as error:
            _log.warning("processes of slots start without forking, each ten seconds later: %s", error)
            return None
    return folder


def environment(address: str | None) -> dict[str, Any]:
    """Returns the `runtime_env` of a job on this machine, or on the cluster at `address`.

    On a cluster every machine gets the code that runs here, without data, studies and caches, and imports it once per
    job, unless `ray job submit --working-dir` has sent it already.
    """
    user_settings = os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "")
    if any(f'"{name}"' in user_settings for name in _USER_SETTINGS):
        return {}
    if address is None:
        folder = start_fork_server()
        return {} if folder is None else {"py_executable": request.executable(folder, MODULES)}
    code: dict[str, Any] = {}
    comes_with_job = _UNPACKED in Path(__file__).parts
    if '"working_dir"' not in user_settings:
        # Sent as `working_dir`: otherwise Ray puts the driver's own folder first on the path of its workers.
        code, comes_with_job = {"working_dir": str(_code())}, True
    folder = _folder()
    if folder is None:
        return code
    digest = code_copy.digest(_code()) if comes_with_job else ""
    return {**code, "py_executable": request.executable(folder, MODULES, digest)}


@cache
def _code() -> Path:
    """A folder with kotune's packages and nothing else."""
    folder = private_folders.make(f"{PREFIX}code-") / "code"
    folder.mkdir()
    code_copy.copy_code(Path(__file__).parents[2], folder)
    return folder


@cache
def _folder() -> Path | None:
    """The folder of this process for fork servers; None if processes are not forked. Removes old folders."""
    if not client.available():
        return None
    for old in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            status = old.lstat()
            is_own = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
            # On other machines of a cluster, servers make their folders, which have no owner.
            is_old = is_own and time.time() - status.st_mtime > _MAX_AGE_SECONDS
            with private_folders.is_abandoned(old) as abandoned:
                if (is_old or abandoned) and not any(client.answers(file.parent) for file in old.rglob(SOCKET)):
                    shutil.rmtree(old)
    return private_folders.make(_OWN_PREFIX)
