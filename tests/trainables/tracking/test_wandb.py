"""Runs with the real wandb, on servers that do not respond or refuse."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trainables.tracking.tracker import why_unreachable


@pytest.fixture
def silent_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine that accepts connections and never responds."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_the_reason_why_a_server_is_unreachable(silent_server: str) -> None:
    """It never responds, refuses the connection (port 9), or has no valid address; each reason names the address."""
    started = time.perf_counter()
    assert why_unreachable(silent_server, 0.1) == f"{silent_server}: timed out"
    assert why_unreachable("http://127.0.0.1:9", 0.1).startswith("http://127.0.0.1:9: [Errno")
    assert why_unreachable("wandb", 0.1).startswith("wandb: unknown url type")
    assert time.perf_counter() - started < 5


class Refuses(http.server.BaseHTTPRequestHandler):
    """Responds to everything with 401."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: Any) -> None:
        """Prints nothing."""


def test_a_server_that_refuses_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """401 is a response; a port without a server is not."""
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert why_unreachable(url, 5) == ""
        thread.join(5)
    assert url in why_unreachable(url, 5)


#: Three runs with the real wandb: offline as configured, with a server that refuses everything, and without a server.
THREE_RUNS = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

class Refuser(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)
    do_POST = do_GET
    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Refuser)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["WANDB_BASE_URL"] = f"http://127.0.0.1:{server.server_port}"
from search_spaces.choices import WandbMode
from trainables.tracking.run_settings import RunSettings
from trainables.tracking.tracker import Tracker
for name in ("offline", "refused", "silent"):
    if name == "silent":
        server.shutdown()
        server.server_close()
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    options = dict(project="p", run_id=name, name=name, group="g", folder=str(folder), open_seconds=1.0)
    mode = WandbMode.OFFLINE if name == "offline" else WandbMode.ONLINE
    tracker = Tracker(RunSettings(mode=mode, finish_seconds=2.0, record=f"{folder}/record.json", **options))
    tracker.log({"eval/rouge_sum": 0.25}, 3)
    started = time.perf_counter()
    tracker.close({"status": "finished"})
    closed = time.perf_counter() - started
    (folder / "times.json").write_text(json.dumps([closed, tracker.wait(60)]))
"""


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `offline`, `refused` and `silent` of three runs, made in a process of their own.

    Their server is on this machine; requests to other hosts go to a proxy at port 9, which refuses connections.
    """
    folder = tmp_path_factory.mktemp("runs")
    environment = {
        "HOME": str(folder),
        "WANDB_API_KEY": "0" * 40,
        "WANDB_ERROR_REPORTING": "false",
        **dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9"),
        "no_proxy": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
    }
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", THREE_RUNS, str(folder)]
    subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, timeout=200)
    return folder


@pytest.mark.parametrize(
    ("name", "run_id", "reason"),
    [
        ("offline", "offline", ""),
        ("refused", "refused-offline", "404"),
        ("silent", "silent", "127.0.0.1"),
    ],
)
def test_a_run_can_be_synced(name: str, run_id: str, reason: str, three_runs: Path) -> None:
    """For every server, the record gives the reason, and wandb's own file holds what was logged."""
    record = json.loads((three_runs / name / "record.json").read_text())
    assert (record["mode"], record["id"]) == ("offline", run_id)
    assert reason in record["reason"]
    assert bool(record["reason"]) == bool(reason)
    (file,) = Path(record["folder"]).glob("run-*.wandb")
    assert three_runs / name in file.parents
    assert b"eval/rouge_sum" in file.read_bytes()


@pytest.mark.parametrize("name", ["offline", "refused", "silent"])
def test_closing_a_run_does_not_wait(name: str, three_runs: Path) -> None:
    """Closing takes less than the one second that opening may take, and the thread ends."""
    closed, done = json.loads((three_runs / name / "times.json").read_text())
    assert closed < 1
    assert done
