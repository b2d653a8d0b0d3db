"""Slots on a cluster that brings machines when they are asked for: Ray's own autoscaler, with machines of this one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import AutoscalingCluster

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def cluster() -> Iterator[AutoscalingCluster]:
    """A head that trains nothing, and up to two machines of one CPU."""
    found = AutoscalingCluster(
        head_resources={"CPU": 0},
        worker_node_types={
            "cpu": {
                "resources": {"CPU": 1, "object_store_memory": 2**28},
                "node_config": {},
                "min_workers": 0,
                "max_workers": 2,
            }
        },
        idle_timeout_minutes=0.2,
    )
    found.start()
    yield found
    found.shutdown()


def test_machines_come_when_they_are_asked_for(cluster: AutoscalingCluster, tmp_path: Path) -> None:
    """None is there at first; the search waits for one, goes on to two, and has as many slots."""
    words = ["tune", "cnn", "--study", "s", "--address", "auto", "--slots", "1:2", "--trials", "6", "--json"]
    quick = ["--set", "num_train_epochs=6", "--set", "vocabulary=1000", "--set", "wandb.mode=disabled"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words, *quick, "--gpus-per-worker", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert summary["slots"] == 2
    assert summary["trials"]["failed"] == 0
    said = re.sub(r"\s+", " ", done.stderr)
    assert "room for 0 on 1 machine(s); waiting for machines until there is room for 1" in said
    assert "room for 2 now" in said
