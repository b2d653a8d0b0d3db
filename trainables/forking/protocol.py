"""What client and server of the fork server share: the files in its folder, and the request."""

from __future__ import annotations

import array
import json
import os
import socket
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

#: Prefix of the folders of servers, among other temporary files.
PREFIX = "kotune-"

#: Files in the folder of a server: its socket, the lock of its start and end, its log, and the mark of a failed import.
SOCKET, LOCK, LOG, BROKEN = "socket", "lock", "log.txt", "broken"

#: Where Linux keeps the rank of a process among those that it kills when memory is short.
OOM = Path("/proc/self/oom_score_adj")

#: The size of the largest request, in bytes: an environment and a command line.
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class ForkRequest:
    """The program that a child is to run, and the state of the process that asks for it."""

    argv: list[str]
    environment: dict[str, str]
    folder: str  # the working directory
    oom_score_adj: str


def send(connection: socket.socket, request: ForkRequest) -> None:
    """Sends a request, with stdin, stdout and stderr of this process.

    Raises:
        OSError: the server is gone.
    """
    body, files = json.dumps(asdict(request)).encode(), array.array("i", [0, 1, 2])
    connection.sendmsg([len(body).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    connection.sendall(body)


def receive(connection: socket.socket, files: list[int]) -> ForkRequest | None:
    """Returns a request; None if it is incomplete. Adds its file descriptors to `files` in any case.

    Raises:
        OSError: the client is gone.
        ValueError: the request is not JSON.
        TypeError: the request has other fields.
    """
    descriptors = array.array("i")
    head, extra, *_ = connection.recvmsg(4, socket.CMSG_SPACE(3 * descriptors.itemsize))
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    files.extend(descriptors)
    size, body = int.from_bytes(head, "big"), b""
    while len(body) < size <= _MAX_BYTES:
        if not (piece := connection.recv(size - len(body))):
            return None
        body += piece
    return ForkRequest(**json.loads(body)) if body and len(files) == 3 else None


def check_peer(connection: socket.socket) -> None:
    """Checks that the other side is a process of this user: a request holds every key in the environment.

    Raises:
        PermissionError: the other side belongs to another user.
    """
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.getuid():
        raise PermissionError(f"the process at the other end belongs to user {user}")
