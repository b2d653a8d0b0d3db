"""The fork server: it imports the libraries once per machine, and forks the processes that need them.

A slot is a chain of processes (its owner, its mailbox, Ray Train's controller, its workers). Each would import ray,
torch and transformers, which takes ten seconds of a core. Instead, Ray starts a small program
(`trainables.forking.request`) that asks a server on the same machine, which has imported everything but Ray, to fork.
The child runs the program that Ray asked for, with Ray's arguments, environment and log files; the small program waits
until the child ends.

    raylet ──starts──► request()  ──argv, environment, files──►  serve() ──forks──►  ray::RayTrainWorker

On a machine without a server the first request starts one. Where forking is not safe (not on Linux, or after an import
that initialised CUDA), where no server answers in time, or with `KOTUNE_FORK=0`, processes start in the usual way, and
say so in their log. The server starts no threads; those that numpy and Arrow start when they are imported handle forks.
Before the server imports its modules it needs only the standard library.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import itertools
import os
import runpy
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from trainables.forking.client import locked
from trainables.forking.protocol import BROKEN, OOM, PREFIX, SOCKET, ForkRequest, check_peer, receive

#: A request, and the descriptors of its stdin, stdout and stderr.
Forked = tuple[ForkRequest, list[int]]


def serve(folder: Path, modules: Sequence[str], until: int, idle: float, listener: socket.socket) -> Forked | None:
    """Imports the first of `modules`, then forks for every request until process `until` is gone.

    Imports the other modules one by one while no request waits, so that the first processes need not wait for them.
    Returns in each child, with the request, and in the server, with None.
    """
    first, *later = modules
    try:
        _import(first, folder)
    except BaseException:
        (folder / BROKEN).touch()  # otherwise every process would wait for another server to fail
        raise
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Linux reaps the children
    listener.settimeout(0.5)
    last_use, children = time.monotonic(), set[int]()
    while _is_alive(until):
        if children := {child for child in children if _is_alive(child)}:
            last_use = time.monotonic()  # they need the code in the folder
        if 0 < idle < time.monotonic() - last_use:
            break
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            if later:
                _try_import(later.pop(0), folder)
            continue
        except OSError:
            traceback.print_exc()
            time.sleep(0.5)  # e.g. too many open files
            continue
        last_use = time.monotonic()
        with connection:
            if forked := _fork(connection, children):
                listener.close()
                connection.detach()  # open until this process ends, which the client waits for
                return forked
    listener.close()
    with contextlib.suppress(OSError):
        _remove_folder(folder)
    return None


def _remove_folder(folder: Path) -> None:
    """Removes the server's folder, and the job's code if the job has no other server on this machine."""
    with locked(folder):
        shutil.rmtree(folder)
    job = folder.parent
    if job.name.startswith(PREFIX) and not any(job.rglob(SOCKET)):
        shutil.rmtree(job)


def _fork(connection: socket.socket, children: set[int]) -> Forked | None:
    """Forks for one request. Returns the request in the child; None in the server, whatever the request contains."""
    files: list[int] = []
    try:
        connection.settimeout(5.0)
        check_peer(connection)
        request = receive(connection, files)
        if request is None or _has_hung_up(connection):
            return None
        connection.setblocking(True)
        os.set_inheritable(connection.fileno(), True)  # the child may have to start in the usual way
        if pid := os.fork():
            children.add(pid)
            connection.sendall(str(pid).encode())
            return None
        forked, files = (request, files), []  # the child keeps the descriptors
        return forked
    except (OSError, ValueError, TypeError):
        traceback.print_exc()
        return None
    finally:
        for file in files:
            os.close(file)


def _has_hung_up(connection: socket.socket) -> bool:
    """Whether the client has given up and started in the usual way."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def _try_import(name: str, folder: Path) -> None:
    try:
        _import(name, folder)
    except Exception:  # noqa: BLE001 - the import only saves time
        traceback.print_exc()


def _import(name: str, folder: Path) -> None:
    # Libraries make temporary folders when they are imported; those in the server's folder go with it.
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        importlib.import_module(name)
    finally:
        tempfile.tempdir = usual
    gc.collect()
    gc.freeze()  # otherwise a collection in a child would copy all imported objects


def _is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _run(request: ForkRequest, files: list[int]) -> None:
    """Runs the requested program in this process, with the state of the process that asked for it."""
    os.setsid()  # Ray may kill a worker by its process group
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    with contextlib.suppress(OSError):  # Linux is to kill workers before Ray's own processes
        OOM.write_text(request.oom_score_adj)
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda._is_in_bad_fork():  # an import initialised CUDA
        print("kotune: started without a fork: an import initialised CUDA", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *request.argv])
    # Python's own options (-s, -S) come before the program. They affect imports, which are done.
    sys.argv = list(itertools.dropwhile(lambda part: part.startswith("-"), request.argv))
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


def main(folder: str, modules: str, until: str, idle: str, listener: str) -> None:
    """`FOLDER MODULES PROCESS IDLE LISTENER`: serves; in each child runs the requested program."""
    opened = socket.socket(fileno=int(listener))
    if forked := serve(Path(folder), modules.split(","), int(until), float(idle), opened):
        _run(*forked)


if __name__ == "__main__":
    main(*sys.argv[1:])
