"""The runtime environment of a job."""

from __future__ import annotations

import functools
import os
import shutil
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


def test_preloaded_modules_exist_and_do_not_import_ray() -> None:
    """A server that cannot import forks nothing, and Ray does not work in a child if its parent imported it."""
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {processes.MODULES!r}]; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" in done.stdout.split()
    assert not {"ray", "ray._raylet"} & set(done.stdout.split())


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Forgets the servers of other tests."""
    cached = processes.start_fork_server, processes._folder
    processes.start_fork_server = functools.cache(cached[0].__wrapped__)
    processes._folder = functools.cache(cached[1].__wrapped__)
    yield
    processes.start_fork_server, processes._folder = cached


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_a_cluster_job_has_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared with no other job; and no server starts on this machine."""
    monkeypatch.setattr(client, "start", lambda *args, **kwargs: pytest.fail("started"))
    command = processes.environment("10.0.0.1:6379")["py_executable"]
    folder = processes._folder()
    assert folder is not None
    assert str(folder) in command
    shutil.rmtree(folder)


def test_a_cluster_gets_the_code_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """All packages, unless the job comes with its own code."""
    runtime_env = processes.environment("auto")
    code = Path(runtime_env["working_dir"])
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.split(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert {path.name for path in code.iterdir()} == packages
    assert (code / "search_spaces" / "kobart.yaml").is_file()
    assert not list(code.rglob("__pycache__"))
    assert code_copy.digest(code) in runtime_env["py_executable"]
    assert "working_dir" not in processes.environment(None)
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"working_dir": "gcs://_ray_pkg_1.zip"}}')
    assert "working_dir" not in processes.environment("auto")


def test_without_forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system, with `KOTUNE_FORK=0`, or with the user's own runtime environment."""
    monkeypatch.setattr(client, "available", lambda: False)
    assert processes.environment("auto").keys() == {"working_dir"}
    assert processes.environment(None) == {}
    monkeypatch.undo()
    monkeypatch.setenv("KOTUNE_FORK", "0")
    assert processes.environment("auto").keys() == {"working_dir"}
    assert processes.environment(None) == {}
    monkeypatch.undo()
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"py_executable": "mine"}}')
    assert processes.environment("auto") == {}


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_without_a_server_the_job_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """The reason is logged once."""

    def failing(*args: object, **kwargs: object) -> None:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(client, "start", failing)
    assert processes.environment(None) == processes.environment(None) == {}
    assert caplog.text.count("AF_UNIX path too long") == 1


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_old_folders_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a week; younger folders and those of other programs stay."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, age in (("kotune-old", 8), ("kotune-young", 6), ("other-old", 8)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age * 86400,) * 2)
    processes._folder()
    assert {path.name for path in tmp_path.iterdir()} >= {"kotune-young", "other-old"}
    assert not (tmp_path / "kotune-old").exists()


@pytest.mark.skipif(not client.available(), reason="forking needs Linux")
def test_folders_of_killed_processes_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At once, whatever their age; those of a running process stay."""
    code = "import os, sys, time; from tuning.cluster import processes; print(processes._folder(), processes._code())\n"
    code += "sys.stdout.flush(); time.sleep(60)"
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        folders = [
            Path(path) for process in started for path in str(process.stdout and process.stdout.readline()).split()
        ]
        assert len(folders) == 4
        assert all(folder.is_dir() for folder in folders)
        started[0].kill()
        started[0].wait()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        processes._folder()
        processes._code()
        assert [folder.is_dir() for folder in folders] == [False, False, True, True]
    finally:
        for process in started:
            process.kill()
            process.communicate()
