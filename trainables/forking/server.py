"""Ray's processes by fork: the libraries are imported once per machine, not once per process.

A slot is a chain of processes (its owner, its mailbox, Ray Train's controller, its workers), and each would import ray,
torch and transformers anew, ten seconds of a core. What Ray starts instead is a small program
(`trainables.forking.request`) that asks a server on the same machine, which has imported everything but Ray, to fork.
The child runs what Ray wanted to be run, with Ray's arguments, environment and log files; what asked waits until it
ends.

    raylet ──starts──► request()  ──argv, environment, files──►  serve() ──forks──►  ray::RayTrainWorker

A machine without a server gets one with the first request. Where forking is not safe (no Linux, or an import looked
at a GPU) or there is no server in time, processes start the usual way, and say so in Ray's log of them. The server
starts no threads; those that the libraries of numpy and Arrow start when they are imported know about forks. Before the
server imports what it is told to, only the standard library is needed.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import itertools
import json
import os
import runpy
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from trainables.forking.code_copy import make_private

#: The largest request: an environment and a command line.
_MOST_BYTES = 1 << 20

SOCKET = "socket"
#: How folders for servers begin, among other temporary files.
PREFIX = "kotune-"
_LOCK, _LOG, _BROKEN = "lock", "log.txt", "broken"

OOM = Path("/proc/self/oom_score_adj")


# ---- the side of whoever wants a fork


def available() -> bool:
    """Whether processes can be forked here: macOS and Windows have libraries that do not survive it."""
    return sys.platform == "linux"


def start(folder: Path, modules: Sequence[str], until: int, idle: float = 0.0) -> None:
    """Start a server unless one is there; it imports `modules` in the background.

    Args:
        folder: where its socket lies; nobody else may look into it.
        modules: the most important first.
        until: id of the process with which it ends.
        idle: seconds without a request or a child after which it ends; 0: never.

    Raises:
        OSError: it cannot be, or the folder is somebody else's, or others may enter it.
    """
    with _locked(folder):
        if answers(folder):
            return
        (folder / SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / SOCKET))
            listener.listen(256)  # requests wait here while the server imports
            told = [str(folder), ",".join(modules), str(until), str(idle), str(listener.fileno())]
            with (folder / _LOG).open("ab") as log:
                subprocess.Popen(
                    [sys.executable, "-P", __file__, *told],
                    pass_fds=[listener.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    # Looking for GPUs must not begin to use one.
                    env={**os.environ, "PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
                )


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else starts or ends a server in a folder; it is made if it is not there."""
    import fcntl  # which Windows has not

    while True:
        make_private(folder)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:  # else a server ended meanwhile, and took it with it
                yield
                return


def answers(folder: Path) -> bool:
    """Whether a server is there."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(folder / SOCKET))
        except OSError:
            return False
    return True


def called(place: Path, seconds: float) -> socket.socket:
    """A connection to the server that lies there.

    Raises:
        OSError: there is none, it could not import, it is not this user's, or it does not answer in time.
    """
    if (place / _BROKEN).exists():
        raise OSError(f"the server could not import: {place / _LOG}")
    make_private(place)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    connection.connect(str(place / SOCKET))
    _check_peer(connection)
    return connection


def _check_peer(connection: socket.socket) -> None:
    """Nobody else's process: it is told of every key in the environment."""
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.getuid():
        raise PermissionError(f"it is user {user}'s")


# ---- the server


@dataclass(frozen=True)
class _Wanted:
    """A request: the program and its arguments, and what it sees of the world."""

    argv: list[str]
    environment: dict[str, str]
    folder: str
    oom_score_adj: str
    files: list[int]


def serve(folder: Path, modules: Sequence[str], until: int, idle: float, listener: socket.socket) -> _Wanted | None:
    """Import the first of `modules`, then fork for every request until process `until` is gone.

    The others are imported one by one while nobody asks, so that the first processes do not wait for them. Returns
    twice: in each child what it is to become, in the server None.
    """
    first, *later = modules
    try:
        _import(first)
    except BaseException:
        (folder / _BROKEN).touch()  # or every process would wait for the next server to fail
        raise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    listener.settimeout(0.5)
    asked, children = time.monotonic(), set[int]()
    while _lives(until):
        if children := {child for child in children if _lives(child)}:
            asked = time.monotonic()  # they need the code
        if 0 < idle < time.monotonic() - asked:
            break
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if later:
                _import_if_there(later.pop(0))
            continue
        except OSError:
            traceback.print_exc()
            time.sleep(0.5)  # too many open files, and the like
            continue
        asked = time.monotonic()
        with connection:
            if wanted := _answered(connection, children):
                listener.close()
                connection.detach()  # stays open until this process ends: whoever asked waits for that
                return wanted
    listener.close()
    with contextlib.suppress(OSError):
        _leave(folder)
    return None


def _leave(folder: Path) -> None:
    """Remove what a server leaves; and, of a job that has no other on this machine, its code."""
    with _locked(folder):
        shutil.rmtree(folder)
    job = folder.parent
    if job.name.startswith(PREFIX) and not any(job.rglob(SOCKET)):
        shutil.rmtree(job)


def _answered(connection: socket.socket, children: set[int]) -> _Wanted | None:
    """In a child what it is to become; None in the server, whatever the request was like; `children` gets the child."""
    files: list[int] = []
    try:
        connection.settimeout(5.0)
        _check_peer(connection)
        wanted = _received(connection, files)
        if wanted is None or _gone(connection):
            return None
        connection.setblocking(True)
        os.set_inheritable(connection.fileno(), True)  # a child may have to start the usual way after all
        if pid := os.fork():
            children.add(pid)
            connection.sendall(str(pid).encode())
            return None
        files = []  # the child's own now
        return wanted
    except (OSError, ValueError, TypeError):
        traceback.print_exc()
        return None
    finally:
        for file in files:
            os.close(file)


def _gone(connection: socket.socket) -> bool:
    """Whether who asked has given up and started the usual way."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def _import_if_there(name: str) -> None:
    try:
        _import(name)
    except Exception:  # noqa: BLE001 - it only would have saved time
        traceback.print_exc()


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


def _received(connection: socket.socket, files: list[int]) -> _Wanted | None:
    """A request, None if it is not whole; `files` gets its descriptors in any case."""
    found = array.array("i")
    head, extra, *_ = connection.recvmsg(4, socket.CMSG_SPACE(3 * found.itemsize))
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    files.extend(found)
    size, body = int.from_bytes(head, "big"), b""
    while len(body) < size <= _MOST_BYTES:
        if not (piece := connection.recv(size - len(body))):
            return None
        body += piece
    return _Wanted(**json.loads(body), files=list(files)) if body and len(files) == 3 else None


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
    with contextlib.suppress(OSError):  # when memory is short, workers are to go before Ray
        OOM.write_text(wanted.oom_score_adj)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda._is_in_bad_fork():  # an import looked at the GPU
        print("kotune: started without a fork: an import looked at the GPU", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *wanted.argv])
    # Python's own options stand before the program (-s, -S); they are about what is imported from where, and done.
    sys.argv = list(itertools.dropwhile(lambda part: part.startswith("-"), wanted.argv))
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


def main(folder: str, modules: str, until: str, idle: str, listener: str) -> None:
    """`FOLDER MODULES PROCESS IDLE LISTENER`: serve, and in each child be what was wanted."""
    opened = socket.socket(fileno=int(listener))
    if wanted := serve(Path(folder), modules.split(","), int(until), float(idle), opened):
        _become(wanted)


if __name__ == "__main__":
    main(*sys.argv[1:])
