"""Ray's processes by fork: the libraries are imported once per machine, not once per process.

A slot is a chain of processes (its owner, its mailbox, Ray Train's controller, its workers), and each would import ray,
torch and transformers anew, ten seconds of a core. Ray lets a job name the executable of its processes
(`runtime_env={"py_executable": …}`); here that is this file, a few milliseconds of Python that ask a server on the same
machine, which has imported everything already, to fork. The child runs what Ray wanted to be run, with Ray's
arguments, environment and log files; what asked waits until the child ends.

    raylet ──starts──► request()  ──argv, environment, files──►  serve() ──forks──►  ray::RayTrainWorker

A machine without a server yet gets one with the first request. Where forking is not safe (no Linux, or an import began
to use a GPU), processes start the usual way. The server starts no threads; those that the libraries of numpy and Arrow
start when they are imported know about forks. Before the server imports what it is told to, only the standard library
is needed.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import runpy
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

#: Seconds that a process waits for the server to have imported everything, before it starts the usual way.
READY_SECONDS = 60.0

#: The largest request: an environment and a command line.
_MOST_BYTES = 1 << 20

_SOCKET, _LOCK, _LOG = "socket", "lock", "log.txt"


# ---- the driver's side


def available() -> bool:
    """Whether processes can be forked here: macOS and Windows have libraries that do not survive it."""
    return sys.platform == "linux"


def executable(folder: Path, modules: Sequence[str]) -> str:
    """The command that Ray runs instead of Python, for `runtime_env`.

    A machine where kotune lies elsewhere starts its processes with the Python that Ray was installed for.
    """
    forked = shlex.join([sys.executable, "-I", "-S", __file__, "request", str(folder), ",".join(modules)])
    usual = '"${1%%/lib/python3*}/bin/python3"'
    script = (
        f"if [ -x {shlex.quote(sys.executable)} ] && [ -f {shlex.quote(__file__)} ]; "
        f'then exec {forked} "$@"; elif [ -x {usual} ]; then exec {usual} "$@"; else exec python3 "$@"; fi'
    )
    return shlex.join(["sh", "-c", script, "kotune"])


def start(folder: Path, modules: Sequence[str], until: int) -> None:
    """Start a server unless one is there; it imports `modules` in the background.

    Args:
        modules: the most important first.
        folder: where its socket lies; nobody else may look into it.
        until: id of the process with which it ends.

    Raises:
        PermissionError: the folder belongs to somebody else, or others may enter it.
    """
    import fcntl  # which Windows has not

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) != 0o700 or not stat.S_ISDIR(about.st_mode):
        raise PermissionError(f"{folder} is not this user's alone")
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / _SOCKET).exists() and _answers(folder):
            return
        (folder / _SOCKET).unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / _SOCKET))
        listener.listen(64)  # requests wait here while the server imports
        told = [str(folder), ",".join(modules), str(until), str(listener.fileno())]
        with (folder / _LOG).open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-P", __file__, "serve", *told],
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},  # looking for GPUs must not begin to use one
            )


def _answers(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder / _SOCKET))
        except OSError:
            return False
    return True


# ---- what Ray runs


def request(folder: Path, modules: Sequence[str], argv: list[str]) -> NoReturn:
    """Have `argv` run by a child of the server, and end when it ends; or run it here, the usual way."""
    connection, pid = None, 0
    try:
        connection = _connected(folder, modules)
        wanted = json.dumps({"argv": argv, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
        files = array.array("i", [0, 1, 2])
        connection.sendmsg([len(wanted).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
        connection.sendall(wanted)
        connection.settimeout(READY_SECONDS)
        pid = int(connection.recv(16) or 0)
    except (OSError, ValueError) as error:
        print(f"kotune: started without a fork: {error}", file=sys.stderr)
    if connection is None or not pid:
        os.execv(sys.executable, [sys.executable, *argv])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _: _pass_on(pid, signum))
    connection.settimeout(None)
    with contextlib.suppress(OSError):
        connection.recv(1)  # nothing comes: the child holds the other end as long as it lives
    sys.exit(0)


def _connected(folder: Path, modules: Sequence[str]) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(folder / _SOCKET))
    except (FileNotFoundError, ConnectionRefusedError):
        start(folder, modules, until=os.getppid())  # Ray's raylet
        connection.connect(str(folder / _SOCKET))
    return connection


def _pass_on(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


# ---- the server


@dataclass(frozen=True)
class _Wanted:
    """A request: the program and its arguments, and what it sees of the world."""

    argv: list[str]
    environment: dict[str, str]
    folder: str
    files: list[int]


def serve(folder: Path, modules: Sequence[str], until: int, listener: socket.socket) -> _Wanted | None:
    """Import the first of `modules`, then fork for every request until process `until` is gone.

    The others are imported one by one while nobody asks, so that the first processes do not wait for them. Returns
    twice: in each child what it is to become, in the server None.
    """
    first, *later = modules
    _import(first)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    listener.settimeout(0.5)
    while _lives(until):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if later:
                _import(later.pop(0))
            continue
        with contextlib.suppress(OSError, ValueError), connection:
            connection.settimeout(5.0)
            wanted = _received(connection)
            if wanted is None:
                continue
            if pid := os.fork():
                for file in wanted.files:
                    os.close(file)
                connection.sendall(str(pid).encode())
            else:
                listener.close()
                connection.detach()  # stays open until this process ends: whoever asked waits for that
                return wanted
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _import(name: str) -> None:
    importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or a child that collects would copy all that was imported


def _lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _received(connection: socket.socket) -> _Wanted | None:
    files = array.array("i")
    head, extra, *_ = connection.recvmsg(4, socket.CMSG_SPACE(3 * files.itemsize))
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(data[: len(data) - len(data) % files.itemsize])
    size, body = int.from_bytes(head, "big"), b""
    while len(body) < size <= _MOST_BYTES:
        if not (piece := connection.recv(size - len(body))):
            return None
        body += piece
    return _Wanted(**json.loads(body), files=list(files)) if body else None


def _become(wanted: _Wanted) -> None:
    """Be what Ray started: its files, environment, arguments and program."""
    os.setsid()  # Ray may end a worker with its group
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(wanted.files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(wanted.folder)
    os.environ.clear()
    os.environ.update(wanted.environment)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda._is_in_bad_fork():  # an import looked at the GPU
        os.execv(sys.executable, [sys.executable, *wanted.argv])
    sys.argv = wanted.argv
    sys.path.insert(0, str(Path(wanted.argv[0]).parent))
    runpy.run_path(wanted.argv[0], run_name="__main__")


def main(do: str, folder: str, modules: str, *rest: str) -> None:
    """`request FOLDER MODULES PROGRAM …` or `serve FOLDER MODULES PROCESS LISTENER`."""
    names = modules.split(",")
    if do == "request":
        request(Path(folder), names, list(rest))
    sys.path.insert(0, str(Path(__file__).parents[1]))
    until, listener = (int(number) for number in rest)
    if wanted := serve(Path(folder), names, until, socket.socket(fileno=listener)):
        _become(wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
