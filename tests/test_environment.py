"""The tests give the same results whatever the shell that starts them has set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_SETTINGS = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "MASTER_ADDR": "10.0.0.1",
    "WANDB_MODE": "online",
    "HF_HUB_OFFLINE": "1",
    "RAY_ADDRESS": "10.0.0.1:6379",
    "CUDA_VISIBLE_DEVICES": "7",
    "KOTUNE_ANYTHING": "1",
    "OPTUNA_STORAGE": "sqlite://",
    "XDG_CACHE_HOME": "/nowhere",
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
