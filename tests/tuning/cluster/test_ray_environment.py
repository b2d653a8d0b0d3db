"""Environment variables that Ray reads. It ignores unknown ones, so a renamed one would have no effect."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import ray
from ray._private.ray_constants import DEFAULT_RUNTIME_ENV_DIR_NAME
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR
from ray._private.utils import validate_socket_filepath

from foundation.errors import UserError
from tuning.cluster import processes, ray_environment

#: Settings of Ray's core, which are compiled into this library without the prefix `RAY_`.
CORE = ("RAY_worker_niceness", "RAY_worker_maximum_startup_concurrency")

#: Set by `trainables.slots.slot` in the process that owns a slot.
OF_SLOTS = ("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S")


@cache
def sources() -> str:
    """Ray's Python code, where it reads these variables."""
    package = Path(ray.__file__).parent
    folders = (package / folder for folder in ("_private", "_common", "air", "train", "tune"))
    return "\n".join(file.read_text(encoding="utf-8") for folder in folders for file in folder.rglob("*.py"))


@pytest.mark.parametrize("name", [name for name in (*ray_environment.DEFAULTS, *OF_SLOTS) if name not in CORE])
def test_ray_reads_a_variable(name: str) -> None:
    """Its name is in Ray's code."""
    assert f'"{name}"' in sources()


@pytest.mark.parametrize("name", CORE)
def test_the_core_of_ray_reads_a_variable(name: str) -> None:
    """Its name is in the compiled library."""
    library = next(Path(ray.__file__).parent.glob("_raylet*.so"))
    assert name.removeprefix("RAY_").encode() in library.read_bytes()


def test_names_of_a_job() -> None:
    """The variable that holds a job's settings, and the folder that Ray unpacks its code to."""
    assert RAY_JOB_CONFIG_JSON_ENV_VAR == "RAY_JOB_CONFIG_JSON_ENV_VAR"
    assert DEFAULT_RUNTIME_ENV_DIR_NAME == processes._UNPACKED


@pytest.mark.parametrize("name", ["RAY_TMPDIR", "TMPDIR"])
def test_a_long_temporary_folder_is_refused(name: str, tmp_path: Path) -> None:
    """Ray's longest socket path is the folder and `_SOCKET`; the system accepts 107 bytes on Linux."""
    longest = f"/tmp/{'f' * (107 - len(ray_environment._SOCKET) - 5)}"
    ray_environment.check_temporary_folder({name: longest})
    with pytest.raises(UserError, match=f"{name}=.* too many for the sockets") as caught:
        ray_environment.check_temporary_folder({name: f"{longest}f"})
    assert "RAY_TMPDIR=/tmp" in caught.value.todo
    validate_socket_filepath(f"{longest}{ray_environment._SOCKET}")
    with pytest.raises(OSError, match="AF_UNIX"):
        validate_socket_filepath(f"{longest}f{ray_environment._SOCKET}")


def test_a_temporary_folder_must_be_writable(tmp_path: Path) -> None:
    """A file cannot be one; a folder that does not exist yet is created."""
    (tmp_path / "file").write_text("")
    ray_environment.check_temporary_folder({"RAY_TMPDIR": str(Path("/tmp/new"))})
    with pytest.raises(UserError, match="is not a folder"):
        ray_environment.check_temporary_folder({"RAY_TMPDIR": "/dev/null/ray"})
