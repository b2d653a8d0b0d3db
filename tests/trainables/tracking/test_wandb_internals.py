"""Every private point of wandb that kotune depends on: one test per function of the adapter.

A failure here after an upgrade of wandb names the function that has to change.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import wandb

from trainables.tracking import wandb_internals

ROOT = Path(__file__).parents[3]


def test_server_url(tmp_path: Path) -> None:
    """It follows the environment. In a process of its own, because wandb reads its settings once per process."""
    command = [sys.executable, "-c", "from trainables.tracking.wandb_internals import *; print(server_url())"]
    environment = {**os.environ, "HOME": str(tmp_path), "WANDB_BASE_URL": "http://127.0.0.1:9"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.split()[-1] == "http://127.0.0.1:9"


def test_run_settings() -> None:
    """wandb refuses settings that it does not know, so all of them exist."""
    settings = wandb_internals.run_settings(open_seconds=2.0, finish_seconds=3.0)
    assert (settings.init_timeout, settings.login_timeout, settings.finish_timeout) == (2.0, 2.0, 3.0)
    assert settings.silent
    assert settings.disable_git
    assert settings.x_disable_meta


def test_run_folder(tmp_path: Path) -> None:
    """The folder holds the file that `wandb sync` uploads."""
    run = wandb.init(mode="offline", dir=str(tmp_path), settings=wandb.Settings(silent=True, console="off"))
    run.finish()
    assert list(wandb_internals.run_folder(run).glob("run-*.wandb"))
