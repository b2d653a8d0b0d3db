"""Servers on a port of this machine."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks._fault_study import wait_until


def free_port() -> int:
    """Returns a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something on this machine accepts connections on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def serving(command: Sequence[Any], port: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a program, waits until it accepts connections, and terminates it on exit.

    Args:
        options: arguments of `subprocess.Popen`; the output is discarded by default.

    Raises:
        AssertionError: the program does not listen after a minute.
    """
    server = subprocess.Popen(command, **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options})
    try:
        assert wait_until(lambda: listens(port), 60) is not None, f"{command[0]} does not listen on port {port}"
        yield server
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
