"""Temporary folders: private, removed at exit and by the next process after a kill."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from foundation import private_folders

ROOT = Path(__file__).parents[2]


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs code in another process whose temporary files are in `folder`."""
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    lines = f"import os; from pathlib import Path; from foundation import private_folders\n{code}"
    return subprocess.run([sys.executable, "-c", lines], env=environment, capture_output=True, text=True)


def test_a_folder_is_private_and_goes_at_exit(tmp_path: Path) -> None:
    """Not with a process that was forked meanwhile."""
    folder = private_folders.make("kotune-a-", tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    private_folders.remove(folder)
    private_folders.remove(folder)
    code = "folder = private_folders.make('kotune-a-')\nif os.fork():\n    os.wait(); assert folder.is_dir()"
    assert (done := run(code, tmp_path)).returncode == 0, done.stderr
    assert [*tmp_path.iterdir()] == []


def test_a_killed_process_leaves_nothing_behind(tmp_path: Path) -> None:
    """The next process with the same prefix removes its folder; folders of others stay."""
    run("(private_folders.make('kotune-a-') / 'file').touch(); os.kill(os.getpid(), 9)", tmp_path)
    run("private_folders.make('kotune-b-'); os.kill(os.getpid(), 9)", tmp_path)
    (tmp_path / "kotune-a-without-owner").mkdir()
    assert len([*tmp_path.iterdir()]) == 3
    own = private_folders.make("kotune-a-", tmp_path)
    names = {path.name[:9] for path in tmp_path.iterdir() if path != own}
    assert names == {"kotune-b-", "kotune-a-"}
    assert (tmp_path / "kotune-a-without-owner").exists()
    private_folders.remove(own)


def test_what_wandb_leaves_goes_with_the_next_process(tmp_path: Path) -> None:
    """Importing it makes temporary folders."""
    code = "from trainables.tracking.wandb_internals import import_wandb; import_wandb()"
    run(f"{code}; os.kill(os.getpid(), 9)", tmp_path)
    (left,) = tmp_path.iterdir()
    assert len([*left.iterdir()]) > 1
    assert (done := run(code, tmp_path)).returncode == 0, done.stderr
    assert [*tmp_path.iterdir()] == []
