"""Starts fork servers and connects to them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainables.forking.code_copy import make_private
from trainables.forking.protocol import BROKEN, LOCK, LOG, SOCKET, check_peer

#: Environment variable that switches forking off if it is "0".
SWITCH = "KOTUNE_FORK"


def available() -> bool:
    """Whether processes are forked: on Linux, unless `KOTUNE_FORK=0`.

    macOS and Windows have libraries that do not survive a fork.
    """
    return sys.platform == "linux" and os.environ.get(SWITCH) != "0"


def start(folder: Path, modules: Sequence[str], until: int, idle: float = 0.0) -> None:
    """Starts a server in `folder`, unless one runs there. The server imports `modules` in the background.

    Args:
        folder: for the server's socket; only this user can enter it.
        modules: the most important one first.
        until: id of the process with which the server ends.
        idle: seconds without a request and without children after which the server ends; 0 for never.

    Raises:
        OSError: the server cannot be started, or other users can enter the folder.
    """
    with locked(folder):
        if answers(folder):
            return
        (folder / SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / SOCKET))
            listener.listen(256)  # requests wait here while the server imports
            arguments = [str(folder), ",".join(modules), str(until), str(idle), str(listener.fileno())]
            with (folder / LOG).open("ab") as log:
                subprocess.Popen(
                    [sys.executable, "-P", str(Path(__file__).with_name("server.py")), *arguments],
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    # With NVML, looking for GPUs does not initialise CUDA, which does not survive a fork.
                    env={**os.environ, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
                )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """In this context no other process starts or ends a server in `folder`. Makes the folder if it is missing."""
    import fcntl  # not on Windows

    while True:
        make_private(folder)
        with (folder / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:  # otherwise a server has ended meanwhile and removed the folder
                yield
                return


def answers(folder: Path) -> bool:
    """Whether a server runs in `folder`."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder / SOCKET))
        except OSError:
            return False
    return True


def connect(folder: Path, seconds: float) -> socket.socket:
    """Returns a connection to the server in `folder`.

    Raises:
        OSError: no server runs there, it could not import its modules, it belongs to another user, or it does not
            answer within `seconds`.
    """
    if (folder / BROKEN).exists():
        raise OSError(f"the server could not import its modules: see {folder / LOG}")
    make_private(folder)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    connection.connect(str(folder / SOCKET))
    check_peer(connection)
    return connection
