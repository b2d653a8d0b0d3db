"""Which processes Ray forks, and from what: see `trainables.forking.server`."""

from __future__ import annotations

import atexit
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

from trainables.forking import code_copy, request, server

#: What a process of a slot needs, but Ray: its core reads its settings from the environment while it is imported, and
#: they are those of one process. Then what Ray, the first evaluation and the first W&B run would import themselves.
MODULES = (
    "trainables.training.trial",
    "requests",
    "jsonschema",
    "google.protobuf.message",
    "rich.console",
    "sklearn.metrics",
    "wandb",
    "wandb.sdk.launch",  # `wandb.init` imports it, for three seconds
)

#: Folders of processes that died without a word are removed after a week.
_OLD_SECONDS = 7 * 86400.0

#: Of a runtime environment that was given with a job: who set one of these says himself what its processes are.
_OTHERS = ("py_executable", "conda", "image_uri", "container", "uv")

#: Where Ray unpacks what a job brings.
_UNPACKED = "runtime_resources"

_log = logging.getLogger(__name__)


@cache
def start_fork_server() -> Path | None:
    """Have the libraries imported beside what this process does next; answers where, None where nothing is forked."""
    folder = _folder()
    if folder is not None:
        try:
            server.start(folder, MODULES, until=os.getpid())
        except OSError as error:
            _log.warning("processes of slots start the usual way, ten seconds later each: %s", error)
            return None
    return folder


def environment(address: str | None) -> dict[str, Any]:
    """The runtime environment of a job, here or on the cluster at `address`.

    On a cluster every machine gets the code that runs here, without data, studies and caches, and imports it once for a
    job; `ray job submit --working-dir` has brought it already.
    """
    given = os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR", "")
    if any(f'"{name}"' in given for name in _OTHERS):
        return {}
    if address is None:
        folder = start_fork_server()
        return {} if folder is None else {"py_executable": request.executable(folder, MODULES)}
    code: dict[str, Any] = {}
    came = _UNPACKED in Path(__file__).parts
    if '"working_dir"' not in given:
        # As `working_dir`, since Ray hands the driver's own folder to its workers otherwise, and it would come first.
        code, came = {"working_dir": str(_code())}, True
    folder = _folder()
    if folder is None:
        return code
    total = code_copy.digest(_code()) if came else ""
    return {**code, "py_executable": request.executable(folder, MODULES, total)}


@cache
def _code() -> Path:
    """A folder with kotune's packages and nothing else."""
    folder = Path(tempfile.mkdtemp(prefix=f"{server.PREFIX}code-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    code_copy.copy_code(Path(__file__).parents[2], folder)
    return folder


@cache
def _folder() -> Path | None:
    """A folder of this process alone; what dead ones left behind is removed."""
    if not server.available():
        return None
    place = Path(tempfile.gettempdir())
    for old in place.glob(f"{server.PREFIX}*"):
        with contextlib.suppress(OSError):
            about = old.lstat()
            mine = about.st_uid == os.getuid() and stat.S_ISDIR(about.st_mode)
            old_enough = mine and time.time() - about.st_mtime > _OLD_SECONDS
            if old_enough and not any(server.answers(file.parent) for file in old.rglob(server.SOCKET)):
                shutil.rmtree(old)
    folder = Path(tempfile.mkdtemp(prefix=server.PREFIX))
    atexit.register(_remove_empty, folder)  # as where no cluster answered
    return folder


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
