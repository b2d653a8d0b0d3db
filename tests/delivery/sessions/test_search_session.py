"""A whole sitting through the command line, on the embedded sample: tune, resume, predict."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


def kotune(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`."""
    command = [sys.executable, str(ROOT / "cli.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "WANDB_API_KEY": ""})


def summary_of(answer: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on stdout."""
    assert answer.returncode == 0, answer.stderr[-2000:]
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_the_embedded_sample_from_tune_to_predict(tmp_path: Path) -> None:
    """Two quick trials without any data given; a third by `resume`; predictions for the sample's own test file."""
    quick = [
        "--set",
        "num_train_epochs=0.05",
        "--set",
        "eval_every=0.05",
        "--set",
        "scheduler.name=none",
        "--set",
        "rouge_tokenizer=syllable",
        "--set",
        "max_new_tokens=8",
    ]
    first = kotune(tmp_path, "tune", "kobart", "--study", "s", "--trials", 2, *quick, "--json")
    summary = summary_of(first)
    assert "embedded sample" in first.stderr.splitlines()[0]
    assert summary["trials"]["total"] == 2
    assert summary["data"]["train"]["rows"] == 2000
    assert summary["test"]["rows"] == 200
    assert json.loads((tmp_path / "runs" / "s" / "summary.json").read_text()) == summary
    assert "wandb sync" in first.stderr

    second = summary_of(kotune(tmp_path, "resume", "s", "--trials", 3, "--json"))
    assert second["trials"]["total"] == 3
    assert second["trials"]["failed"] == second["trials"]["unfinished"] == 0
    assert second["wall_seconds"] > summary["wall_seconds"]

    test = tmp_path / "runs" / "s" / "sample_data" / "test.csv"
    done = kotune(tmp_path, "predict", "runs/s/best_model", test, "--out", "out.csv")
    assert done.returncode == 0, done.stderr[-2000:]
    rows = list(csv.reader((tmp_path / "out.csv").open(encoding="utf-8")))
    assert rows[0] == ["fname", "summary"]
    assert [row[0] for row in rows[1:]] == [row["fname"] for row in csv.DictReader(test.open(encoding="utf-8"))]
