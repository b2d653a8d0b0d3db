"""A finished study with exported folders, and the commands that read each of its files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from corpora.samples import reviews

_ROOT = Path(__file__).parents[2]

#: Command -> its arguments in the folder of the workspace.
COMMANDS = {
    "status": "status s --storage runs",
    "resume": "resume s --storage runs --trials 3",
    "export": "export s --storage runs --out out",
    "predict": "predict model data/test.tsv --out out.csv",
    "predict both": "predict both data/test.tsv --out out.csv",
    "evaluate": "evaluate model --data data/test.tsv",
    "ensemble": "ensemble model other --out out",
}

#: The folder of a file -> the commands that read it.
_READERS = {
    "runs": ("status", "resume", "export"),
    "model": ("predict", "evaluate", "ensemble"),
    "both": ("predict both",),
}


def build(folder: Path) -> None:
    """Searches with two quick trials; the best model is in `model`, and an ensemble of it in `both`."""
    files = reviews.write_samples(folder / "data", train=60, dev=20, test=12)
    data = [part for split, path in files.items() for part in (f"--{split}", str(path.relative_to(folder)))]
    quick = ["num_train_epochs=2", "vocabulary=300", "wandb.mode=disabled", "scheduler.name=none"]
    sets = [part for text in quick for part in ("--set", text)]
    cache = {"KOTUNE_FORK": "0"}
    for command in (
        ["tune", "cnn", "--study", "s", "--storage", "runs", "--trials", "2", "--slots", "1", *data, *sets],
        ["export", "s", "--storage", "runs", "--out", "model"],
    ):
        subprocess.run(
            [sys.executable, str(_ROOT / "cli.py"), *command], cwd=folder, env={**os.environ, **cache}, check=True
        )
    shutil.copytree(folder / "model", folder / "other")
    ensemble = ["ensemble", "model", "other", "--out", "both"]
    subprocess.run([sys.executable, str(_ROOT / "cli.py"), *ensemble], cwd=folder, check=True)


def pairs(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yields every file and every command that reads it; the file relative to `folder`."""
    for top, commands in _READERS.items():
        for path in sorted((folder / top).rglob("*")):
            is_lock = path.suffix == ".lock"  # of the operating system: its content is never read
            if path.is_file() and not path.is_symlink() and not is_lock:
                for command in commands:
                    yield path.relative_to(folder), command
