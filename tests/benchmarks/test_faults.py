"""The short form of the fault run: a study on two nodes whose processes and nodes are killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.ray
@pytest.mark.timeout(420)
def test_a_killed_study_equals_an_undisturbed_one(tmp_path: Path) -> None:
    """`kill -9` of a worker, a slot controller, a node and the driver, by `python -m benchmarks.faults --short`."""
    command = [sys.executable, "-m", "benchmarks.faults", "--short", "--out", str(tmp_path)]
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        output, log = run.communicate(timeout=400)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # and its studies
    assert run.returncode == 0, log + output
    report = json.loads(output)["everything"]
    assert report["kills"] == 4
    assert report["faults"] == []
