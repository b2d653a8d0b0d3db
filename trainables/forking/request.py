"""The program that Ray starts instead of Python: it asks the fork server for a child, and ends when the child ends.

Ray lets a job name the executable of its processes (`runtime_env={"py_executable": …}`). On a machine without a server
the first request starts one. Code that came with the job is first copied to a private folder
(`trainables.forking.code_copy`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":  # only the standard library is on the path
    sys.path.insert(0, str(Path(__file__).parents[2]))

from trainables.forking import client, code_copy
from trainables.forking.protocol import OOM, SOCKET, ForkRequest, send

#: Seconds that a process waits for its fork before it starts in the usual way; Ray allows 60 in all.
READY_SECONDS = 40.0

#: Seconds without a request and without children after which a server ends if it cannot see the end of its job.
IDLE_SECONDS = 600.0


def executable(folder: Path, modules: Sequence[str], code: str = "") -> str:
    """Returns the command that Ray runs instead of Python, for `runtime_env`.

    On each machine it uses the Python that Ray was installed for. Without `code`, a machine that does not have this
    very file starts its processes in the usual way.

    Args:
        folder: for the servers of this job, on each machine.
        modules: what the servers import, the most important one first.
        code: digest of the code that comes with the job (`code_copy.digest`); no other code runs in its place.
    """
    script = (
        'for part; do case "$part" in -*) ;; *) break ;; esac; done; '  # $part: the program, after Python's options
        'python="${part%/lib*/python3*}/bin/python3"; '
        f'if ! [ -x "$python" ]; then python={shlex.quote(sys.executable)}; fi; '
        'if ! [ -x "$python" ]; then python=python3; fi; '
    )
    names = ",".join(modules)
    if code:
        source = shlex.join([Path(code_copy.__file__).read_text(encoding="utf-8"), str(folder), code, names])
        script += f'exec "$python" -I -S -c {source} "$@"'
    else:
        request_file = shlex.quote(__file__)
        arguments = shlex.join([__file__, str(folder), names])
        script += f'if [ -f {request_file} ]; then exec "$python" -I -S {arguments} "$@"; fi; exec "$python" "$@"'
    return shlex.join(["sh", "-c", script, "kotune"])


def request(folder: Path, modules: Sequence[str], argv: list[str]) -> NoReturn:
    """Runs `argv` in a child of the server and ends with it; or runs it in this process, in the usual way."""
    try:
        connection = _connect(folder, modules)
        # Ray may remove the folder with the job's code, which is the working directory of its processes.
        directory = folder if Path(__file__).is_relative_to(folder) else Path.cwd()
        oom_score_adj = OOM.read_text() if OOM.exists() else ""
        send(connection, ForkRequest(argv, dict(os.environ), str(directory), oom_score_adj))
        pid = int(connection.recv(16) or 0)
        if pid <= 1:
            raise ConnectionError(f"the server in {folder} ended")
    except (OSError, ValueError) as error:
        print(f"kotune: started without a fork: {error}", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *argv])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: _forward(pid, signum))
    connection.settimeout(None)
    with contextlib.suppress(OSError):
        connection.recv(1)  # returns when the child ends, which holds the other end of the connection
    sys.exit(0)


def _connect(folder: Path, modules: Sequence[str]) -> socket.socket:
    """Returns a connection to the server that the driver started, or to one for the processes of this raylet."""
    if not client.available():
        raise OSError(f"not on Linux, or {client.SWITCH}=0")
    code_copy.make_private(folder)
    raylet = os.getppid()
    place = folder if (folder / SOCKET).exists() else folder / f"{platform.node()}-{raylet}"
    try:
        return client.connect(place, READY_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        client.start(place, modules, raylet, IDLE_SECONDS)
        return client.connect(place, READY_SECONDS)


def _forward(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    _, place, names, *program = sys.argv
    request(Path(place), names.split(","), program)
