"""What Ray runs instead of Python: asks the fork server for a process, and ends when that process ends.

Ray lets a job name the executable of its processes (`runtime_env={"py_executable": …}`). A machine without a server
gets one with the first request. Code that came with the job is brought to a safe place first
(`trainables.forking.code_copy`)."""

from __future__ import annotations

import array
import contextlib
import json
import os
import platform
import shlex
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":  # only the standard library is there
    sys.path.insert(0, str(Path(__file__).parents[2]))

from trainables.forking import code_copy, server

#: Seconds that a process waits for its fork before it starts the usual way; Ray gives it 60 in all.
READY_SECONDS = 40.0

#: Seconds without a request or a child after which a server ends whose job it cannot see the end of.
IDLE_SECONDS = 600.0


def executable(folder: Path, modules: Sequence[str], code: str = "") -> str:
    """The command that Ray runs instead of Python, for `runtime_env`.

    The Python is that which Ray was installed for, on each machine. Without `code` a machine that has not this very
    file starts its processes the usual way.

    Args:
        folder: where servers lie, on each machine; one that no other job uses.
        modules: what they import, the most important first.
        code: the sum of the code that comes with the job (`code_copy.digest`); no other runs in its place.
    """
    script = (
        'for part; do case "$part" in -*) ;; *) break ;; esac; done; '  # the program, behind Python's own options
        'python="${part%/lib*/python3*}/bin/python3"; '
        f'if ! [ -x "$python" ]; then python={shlex.quote(sys.executable)}; fi; '
        'if ! [ -x "$python" ]; then python=python3; fi; '
    )
    names = ",".join(modules)
    if code:
        brings = shlex.join([Path(code_copy.__file__).read_text(encoding="utf-8"), str(folder), code, names])
        script += f'exec "$python" -I -S -c {brings} "$@"'
    else:
        wanted = shlex.join([__file__, str(folder), names])
        script += f'if [ -f {shlex.quote(__file__)} ]; then exec "$python" -I -S {wanted} "$@"; fi; exec "$python" "$@"'
    return shlex.join(["sh", "-c", script, "kotune"])


def request(folder: Path, modules: Sequence[str], argv: list[str]) -> NoReturn:
    """Have `argv` run by a child of the server, and end when it ends; or run it here, the usual way."""
    try:
        connection = _connected(folder, modules)
        adjusted = server.OOM.read_text() if server.OOM.exists() else ""
        # Ray may remove the folder that it unpacked a job's code to, in which its processes begin.
        here = folder if Path(__file__).is_relative_to(folder) else Path.cwd()
        told = {"argv": argv, "environment": dict(os.environ), "folder": str(here), "oom_score_adj": adjusted}
        wanted, files = json.dumps(told).encode(), array.array("i", [0, 1, 2])
        connection.sendmsg([len(wanted).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        connection.sendall(wanted)
        pid = int(connection.recv(16) or 0)
        if pid <= 1:
            raise ConnectionError(f"the server in {folder} went")
    except (OSError, ValueError) as error:
        print(f"kotune: started without a fork: {error}", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *argv])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: _pass_on(pid, signum))
    connection.settimeout(None)
    with contextlib.suppress(OSError):
        connection.recv(1)  # nothing comes: the child holds the other end as long as it lives
    sys.exit(0)


def _connected(folder: Path, modules: Sequence[str]) -> socket.socket:
    """A server that was started ahead, or one for the processes of this raylet."""
    if not server.available():
        raise OSError("nothing is forked on this system")
    code_copy.make_private(folder)
    raylet = os.getppid()
    started_ahead = (folder / server.SOCKET).exists()
    place = folder if started_ahead else folder / f"{platform.node()}-{raylet}"
    try:
        return server.called(place, READY_SECONDS)
    except (FileNotFoundError, ConnectionRefusedError):
        server.start(place, modules, raylet, IDLE_SECONDS)
        return server.called(place, READY_SECONDS)


def _pass_on(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


if __name__ == "__main__":
    _, place, names, *program = sys.argv
    request(Path(place), names.split(","), program)
