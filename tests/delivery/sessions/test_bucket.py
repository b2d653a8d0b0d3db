"""A study in a bucket, through the command line: tune, kill, resume from another folder, export."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from benchmarks._fault_study import wait_until
from foundation import buckets

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


def command(*arguments: object) -> list[str]:
    """Of kotune."""
    return [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]


def on_machine(folder: Path) -> dict[str, str]:
    """The environment of a machine that keeps its temporary files in `folder`."""
    folder.mkdir()
    # The names of Ray's sockets have to be short.
    return {**os.environ, "TMPDIR": str(folder), "RAY_TMPDIR": tempfile.gettempdir(), "WANDB_API_KEY": ""}


def kill_family(process: subprocess.Popen[bytes]) -> None:
    """`kill -9` of a driver and of all that it started, as when its machine goes."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in family:
        child.kill()
    process.wait()


def told(bucket: str) -> int:
    """How many results the records in the bucket hold."""
    names = [name for name in buckets.sizes(f"{bucket}/runs/s") if name.endswith("/trial.json")]
    return sum(len(json.loads(buckets.read(f"{bucket}/runs/s/{name}") or b"{}").get("results", ())) for name in names)


def test_from_tune_to_export(s3: subprocess.Popen[bytes], bucket: str, tmp_path: Path) -> None:
    """The machine of the first driver goes; the server stands still for 20 s while the second one searches."""
    storage = ["--storage", f"{bucket}/runs"]
    quick = ["--set", "num_train_epochs=4", "--set", "vocabulary=1000", "--trials", "5", "--slots", "2"]
    with (tmp_path / "first").open("wb") as log:
        first = subprocess.Popen(
            command("tune", "cnn", "--study", "s", *storage, *quick),
            cwd=tmp_path, env=on_machine(tmp_path / "one"), stdout=log, stderr=log,
        )  # fmt: skip
        assert wait_until(lambda: told(bucket) > 1, 120) is not None, (tmp_path / "first").read_text()
        kill_family(first)
    before = told(bucket)
    machine = on_machine(tmp_path / "two")
    second = subprocess.Popen(
        command("resume", "s", *storage, "--json"), cwd=tmp_path, env=machine, stdout=subprocess.PIPE
    )
    try:
        assert wait_until(lambda: told(bucket) > before, 120) is not None
        s3.send_signal(signal.SIGSTOP)
        threading.Timer(20.0, lambda: s3.send_signal(signal.SIGCONT)).start()
        said, _ = second.communicate(timeout=200)
    finally:
        s3.send_signal(signal.SIGCONT)
        second.kill()
    assert second.returncode == 0
    summary = json.loads(said)
    trials = summary["trials"]
    assert (trials["total"], trials["failed"], trials["unfinished"]) == (5, 0, 0)
    assert summary["best_model"] == f"{bucket}/runs/s/best_model"
    kept = buckets.sizes(f"{bucket}/runs/s")
    models = {name.split("/")[1] for name in kept if name.endswith("model.safetensors") and "/checkpoints/" in name}
    assert summary["best"]["trial"] in models
    assert len(models) <= 3
    assert not [name for name in kept if name.endswith("optimizer.pt")]
    assert {"optuna.db", "log.txt", "summary.json"} <= kept.keys()
    wanted = command("export", "s", *storage, "--out", "model")
    machine = on_machine(tmp_path / "three")
    done = subprocess.run(wanted, cwd=tmp_path, env=machine, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "model"
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == buckets.read(
        f"{summary['best_model']}/model.safetensors"
    )
