"""Private points of wandb that kotune depends on: the single adapter for all packages.

Each has a test of the same name in `tests/trainables/tracking/test_wandb_internals.py`. wandb is imported in the
functions, because importing it takes seconds and is not needed if nothing is logged.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from foundation import private_folders


def import_wandb() -> Any:
    """Imports wandb, which makes temporary folders that a killed process leaves, in a folder that is removed then."""
    if "wandb" in sys.modules:
        return sys.modules["wandb"]
    usual, tempfile.tempdir = tempfile.gettempdir(), str(private_folders.make("kotune-wandb-"))
    try:
        import wandb
    finally:
        tempfile.tempdir = usual
    return wandb


def server_url() -> str:
    """Returns the address of the W&B server, from environment variables and wandb's settings files."""
    wandb = import_wandb()
    return str(wandb.setup().settings.base_url)


def run_settings(*, open_seconds: float, finish_seconds: float) -> Any:
    """Returns `wandb.Settings` for a run that prints nothing, sends no source code and has time limits."""
    wandb = import_wandb()
    return wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        save_code=False,
        x_disable_meta=True,  # it would send the command line, whose URLs may hold passwords
        init_timeout=open_seconds,
        login_timeout=open_seconds,
        finish_timeout=finish_seconds,
    )


def run_folder(run: Any) -> Path:
    """Returns the folder of a run, which `wandb sync` uploads; `run.dir` is the folder `files` in it."""
    return Path(run.dir).parent
