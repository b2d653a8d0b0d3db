"""The short form of the fault run: a study on two nodes that loses what a study on one machine cannot lose."""

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
def test_a_study_that_is_killed_again_and_again_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """`kill -9` of a worker, a slot controller, a node and the driver, by `python -m benchmarks.faults --short`."""
    command = [sys.executable, "-m", "benchmarks.faults", "--short", "--out", str(tmp_path)]
    run = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said, told = run.communicate(timeout=400)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # its studies, too
    assert run.returncode == 0, told + said
    found = json.loads(said)["everything"]
    assert found["kills"] == 4
    assert found["faults"] == []
