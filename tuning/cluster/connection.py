"""Starts Ray on this machine, or joins a cluster."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
from typing import Any

from tuning.cluster import ray_environment

os.environ.update(ray_environment.DEFAULTS | os.environ)

import ray
from ray.exceptions import AuthenticationError

from foundation.errors import UserError, first_line
from trainables.slots.ray_internals import silence_worker_logs
from tuning.cluster import processes, temporary_folder
from tuning.cluster.fleet import alive_machines
from tuning.cluster.ray_token import keep_token_private
from tuning.cluster.resources import Machine

#: What Ray raises when it cannot start or join.
_CONNECTION_ERRORS = (OSError, ValueError, RuntimeError, AuthenticationError)

#: Seconds that the head of a cluster has to accept a connection.
_PROBE_SECONDS = 10.0


def connect(address: str | None, cpus: int | None = None) -> list[Machine]:
    """Starts Ray on this machine, or joins the cluster at `address`. Returns the machines.

    Args:
        cpus: the number of CPUs to use on this machine; None for all.

    Raises:
        UserError: no cluster answers.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": True}
    if address:
        options["address"] = address
    else:
        keep_token_private()
        # Without "local" Ray joins any cluster that runs here, but the slots were planned for this machine alone.
        options |= {"address": "local", "include_dashboard": False, "num_cpus": cpus}
    options["runtime_env"] = processes.environment(address)
    silence_worker_logs()  # Ray's log files keep them, and kotune reports what a lost process means for a trial
    try:
        if address:
            _probe(address)
        else:
            options["_temp_dir"] = str(temporary_folder.make())
        (_join if address else ray.init)(**options)
    except _CONNECTION_ERRORS as error:
        if address is None:
            temporary_folder.remove()
            todo = "free memory and disk space, or set RAY_TMPDIR to a writable folder with a short path"
            problem = f"Ray does not start on this machine: {first_line(error)}"
            raise UserError(problem, "a machine on which ray.init() works", todo) from error
        raise UserError(
            f"--address {address}: {first_line(error)}",
            "auto on a machine of the cluster, or HOST:PORT",
            "check with ray status whether a cluster runs; if it needs a token (~/.ray/auth_token, RAY_AUTH_TOKEN), "
            "run export RAY_AUTH_MODE=token before you use HOST:PORT; without --address kotune starts Ray here",
        ) from error
    return alive_machines()


def disconnect() -> None:
    """Leaves the cluster, or ends the Ray that `connect` started."""
    ray.shutdown()
    temporary_folder.remove()


def _probe(address: str) -> None:
    """Raises a `ConnectionError` if nothing listens at HOST:PORT: Ray would try for a quarter of an hour."""
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), _PROBE_SECONDS).close()
        except OSError as error:
            raise ConnectionError(f"nothing answers there: {error}") from error


def _join(**options: Any) -> None:
    """Calls `ray.init`, and replaces the lines that Ray's core writes to stderr every second by one error."""
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            ray.init(**options)
        except _CONNECTION_ERRORS as error:
            file.seek(0)
            if b"InvalidAuthToken" in file.read():
                raise ConnectionError("the cluster needs another token than the one on this machine") from error
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
