"""The tests give the same results whatever the shell that starts them has set, and `make test` runs all of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foundation import launchers

_ROOT = Path(__file__).parent.parent
_SETTINGS = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "MASTER_ADDR": "10.0.0.1",
    "WANDB_MODE": "online",
    "HF_HUB_OFFLINE": "1",
    "RAY_ADDRESS": "10.0.0.1:6379",
    "RAY_TMPDIR": "/nowhere",
    "CUDA_VISIBLE_DEVICES": "7",
    "KOTUNE_ANYTHING": "1",
    "OPTUNA_STORAGE": "sqlite://",
    "XDG_CACHE_HOME": "/nowhere",
    **dict.fromkeys([*launchers.WORKER_VARIABLES, *launchers._MPI], "1"),
    **{f"{prefix}X": "1" for prefix in launchers._PREFIXES},
}


def test_variables_are_removed_before_test_files_are_imported() -> None:
    """tests/conftest.py removes them when pytest loads it; other variables stay."""
    code = (
        "import os, runpy\n"
        f"runpy.run_path({str(_ROOT / 'tests' / 'conftest.py')!r})\n"
        f"print(sorted(set({list(_SETTINGS)!r}) & set(os.environ)), os.environ['COLOUR'])"
    )
    environment = {**os.environ, **_SETTINGS, "COLOUR": "빨강", "PYTHONPATH": str(_ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, encoding="utf-8", check=True)
    assert run.stdout.split() == ["[]", "빨강"]


@pytest.mark.parametrize(
    ("red", "message"),
    [
        ("nothing", ""),
        ("not ray*", "make test: tests failed without Ray"),
        ("ray*", "make test: tests failed with Ray"),
        ("*", "make test: tests failed without Ray, and with Ray"),
    ],
)
def test_both_halves_run_whatever_fails(red: str, message: str, tmp_path: Path) -> None:
    """A fake `python` records each call and fails where its marks match `red`; the target fails with either half."""
    shutil.copy(_ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    for name in ("constraints.txt", "pyproject.toml", ".venv/.installed-dev"):  # nothing to install
        (tmp_path / name).touch()
    python = tmp_path / "python"
    pattern = red.replace(" ", "\\ ")
    python.write_text(f'#!/bin/sh\necho "$4" >> "{tmp_path}/calls"\ncase "$4" in {pattern}) exit 1;; esac\n')
    python.chmod(0o755)
    command = ["make", "--silent", f"BIN={tmp_path}", "test"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert (tmp_path / "calls").read_text().splitlines() == ["not ray and not slow", "ray and not slow"]
    assert (run.returncode != 0) == bool(message)
    assert run.stderr.splitlines()[:1] == [message][: bool(message)]


def test_an_installation_says_what_it_installs(tmp_path: Path) -> None:
    """Before each call of pip, which is silent for minutes, there is a line with the size."""
    shutil.copy(_ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").mkdir()
    for name in ("constraints.txt", "pyproject.toml"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "$2"\n')
    python.chmod(0o755)
    command = ["make", "--silent", f"BIN={tmp_path}", f"PYTHON={python}", "venv"]
    run = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}, check=True
    )
    lines = run.stdout.splitlines()
    assert [line if line == "pip" else "GB" for line in lines if line == "pip" or " GB" in line] == ["GB", "pip"] * 2
