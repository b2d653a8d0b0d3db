"""What processes of slots are forked with."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainables.forking import client, code_copy
from tuning.cluster import processes


def test_everything_can_be_imported_and_nothing_of_it_imports_ray() -> None:
    """A server that cannot import forks nothing; and the Ray of a parent would not work in its children."""
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {processes.MODULES!r}]; print(*sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" in told.stdout.split()
    assert not {"ray", "ray._raylet"} & set(told.stdout.split())


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What this process knows of servers is another test's."""
    kept = processes.start_fork_server, processes._folder
    processes.start_fork_server = functools.cache(kept[0].__wrapped__)
    processes._folder = functools.cache(kept[1].__wrapped__)
    yield
    processes.start_fork_server, processes._folder = kept


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_a_cluster_is_told_of_a_folder_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else's code or environment is in it; and nothing is started here."""
    monkeypatch.setattr(client, "start", lambda *given, **named: pytest.fail("started"))
    command = processes.environment("10.0.0.1:6379")["py_executable"]
    folder = processes._folder()
    assert folder is not None
    assert str(folder) in command
    folder.rmdir()


def test_a_cluster_gets_the_code_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole packages; unless the job brought its own."""
    told = processes.environment("auto")
    code = Path(told["working_dir"])
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.split(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert {path.name for path in code.iterdir()} == packages
    assert (code / "search_spaces" / "kobart.yaml").is_file()
    assert not list(code.rglob("__pycache__"))
    assert code_copy.digest(code) in told["py_executable"]
    assert "working_dir" not in processes.environment(None)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}}')
    assert "working_dir" not in processes.environment("auto")


def test_without_forks_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another system; a runtime environment of the user's own; a folder for temporary files that cannot be used."""
    monkeypatch.setattr(client, "available", lambda: False)
    assert processes.environment("auto").keys() == {"working_dir"}
    assert processes.environment(None) == {}
    monkeypatch.undo()
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"py_executable": "mine"}}')
    assert processes.environment("auto") == {}


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_a_server_that_cannot_be_started_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Its reason is told once."""

    def failing(*given: object, **named: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(client, "start", failing)
    assert processes.environment(None) == processes.environment(None) == {}
    assert caplog.text.count("AF_UNIX path too long") == 1


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_what_dead_processes_left_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a week, and nothing that is younger or another's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, age in (("kotune-old", 8), ("kotune-young", 6), ("other-old", 8)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age * 86400,) * 2)
    processes._folder()
    assert {path.name for path in tmp_path.iterdir()} >= {"kotune-young", "other-old"}
    assert not (tmp_path / "kotune-old").exists()
