"""Environment variables that Ray reads. It ignores unknown ones, so a renamed one would have no effect."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import ray
from ray._private.ray_constants import DEFAULT_RUNTIME_ENV_DIR_NAME
from ray._private.runtime_env.constants import RAY_JOB_CONFIG_JSON_ENV_VAR

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
