"""Which processes Ray forks, and from what: see `trainables.forkserver`."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from trainables import forkserver

#: What a process of a slot needs, but Ray: its core reads its settings from the environment while it is imported, and
#: they are those of one process. Then what Ray, the first evaluation and the first W&B run would import themselves.
MODULES = (
    "trainables.trial",
    "requests",
    "jsonschema",
    "google.protobuf.message",
    "rich.console",
    "sklearn.metrics",
    "wandb",
    "wandb.sdk.launch",  # `wandb.init` imports it, for three seconds
)

_PACKAGES = ("search_spaces", "corpora", "trainables", "tuning")


@cache
def start_ahead() -> Path:
    """Have the libraries imported beside what this process does next; answers where."""
    folder = Path(tempfile.mkdtemp(prefix="kotune-"))
    forkserver.start(folder, MODULES, until=os.getpid())
    return folder


def environment(address: str | None) -> dict[str, Any]:
    """The runtime environment of a job, here or on the cluster at `address`.

    On a cluster a machine imports once for all studies of this code.
    """
    if not forkserver.available():
        return {}
    shared = Path(tempfile.gettempdir(), f"kotune-{os.getuid()}-{_code()}")
    folder = shared if address else start_ahead()
    return {"py_executable": forkserver.executable(folder, MODULES)}


def _code() -> str:
    """A sum of kotune's code and the Python that runs it: a changed working copy is imported anew."""
    root, total = Path(__file__).parents[1], hashlib.sha256(sys.executable.encode())
    for package in _PACKAGES:
        for path in sorted((root / package).glob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()[:16]
