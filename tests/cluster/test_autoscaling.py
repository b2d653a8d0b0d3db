"""Slots on a cluster that starts machines on request: Ray's autoscaler, with nodes on this machine."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks._fault_study import wait_until
from benchmarks._programs import listens

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(600)]

#: A head without CPUs, and up to two machines of one CPU.
_MACHINE = {
    "resources": {"CPU": 1, "object_store_memory": 2**28},
    "node_config": {},
    "min_workers": 0,
    "max_workers": 2,
}
_CONFIG = {
    "cluster_name": "faked",
    "max_workers": 2,
    "provider": {
        "type": "fake_multinode",
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
    },
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "cpu": _MACHINE,
    },
    "head_node_type": "ray.head.default",
    "upscaling_speed": 1.0,
    "idle_timeout_minutes": 0.1,
    **{name: {} for name in ("auth", "docker", "file_mounts")},
    **{name: [] for name in ("initialization_commands", "setup_commands", "cluster_synced_files", "rsync_exclude")},
    **{f"{who}_setup_commands": [] for who in ("head", "worker")},
    **{f"{who}_start_ray_commands": [] for who in ("head", "worker")},
    "rsync_filter": [],
    "file_mounts_sync_continuously": False,
}


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of such a cluster; its token is in the environment."""
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    port = 6379  # Ray's fake nodes connect to a head on this port
    if listens(port):
        pytest.skip(f"something listens on port {port}")
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        config = Path(folder, "cluster.json")
        config.write_text(json.dumps(_CONFIG), encoding="utf-8")
        start = ["start", "--head", "--block", f"--port={port}", "--num-cpus=0", "--include-dashboard=false"]
        head = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), *start, f"--autoscaling-config={config}", f"--temp-dir={folder}"],
            env={**os.environ, "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_FAKE_CLUSTER": "1"},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            assert wait_until(lambda: listens(port), 60) is not None
            yield f"127.0.0.1:{port}"
        finally:
            processes = [*psutil.Process(head.pid).children(recursive=True), head]
            for process in processes:
                with suppress(psutil.Error, ProcessLookupError):
                    os.kill(process.pid, signal.SIGKILL)
            head.wait()


def test_machines_start_on_request(address: str, tmp_path: Path) -> None:
    """The search starts without machines, waits for the first one, and grows to two slots."""
    words = ["tune", "cnn", "--study", "s", "--address", address, "--slots", "1:2", "--trials", "6", "--json"]
    quick = ["--set", "num_train_epochs=6", "--set", "vocabulary=1000", "--set", "wandb.mode=disabled"]
    command = [sys.executable, str(ROOT / "cli.py"), *words, *quick, "--gpus-per-worker", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    summary = json.loads(done.stdout)
    assert summary["slots"] == 2
    assert summary["trials"]["failed"] == 0
    assert "room for 0 on 1 machine(s); waiting for machines until there is room for 1" in done.stderr
    assert "room for 2 now" in done.stderr


def test_a_wrong_token_is_one_message(address: str, tmp_path: Path) -> None:
    """Ray's own log, one line per second, is not shown."""
    command = [sys.executable, str(ROOT / "cli.py"), "tune", "cnn", "--address", address, "--dry-run"]
    env = {**os.environ, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.returncode == 2
    assert f"--address {address}: the cluster needs another token" in done.stderr
    assert "gcs_client" not in done.stderr
