"""Tracking: a trial never waits for W&B, and a server that cannot be reached costs nothing but a remark."""

import http.server
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from benchmarks._fault_study import wait_until
from trainables.tracking import tracker as tracking
from trainables.tracking.run_settings import RunSettings
from trainables.tracking.tracker import Logged, Tracker, TrackingCallback, last_words, unreachable

AT_ONCE = 0.05  # seconds

#: A tracker's thread that dies of an exception fails its test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def settings(folder: Path, mode: str = "online", **changes: Any) -> RunSettings:
    """A trial's run, kept under `folder`."""
    usual: dict[str, Any] = {
        "project": "kotune",
        "run_id": "study-0001",
        "name": "study-0001",
        "group": "study",
        "folder": str(folder),
        "record": str(folder / "tracking.json"),
    }
    return RunSettings(mode=mode, **{**usual, **changes})


class FakeRun:
    """Takes down what it is told."""

    def __init__(self, folder: Path) -> None:
        self.dir = str(folder / "wandb" / "run-1" / "files")
        self.logged: list[tuple[dict[str, Any], int]] = []
        self.summary: dict[str, Any] = {}
        self.exit_code: int | None = None

    def log(self, values: dict[str, Any], step: int) -> None:
        self.logged.append((values, step))

    def finish(self, exit_code: int) -> None:
        self.exit_code = exit_code


class FakeWandb:
    """Stands in for the module and its server.

    `silence` is why the server gives no answer; `failure` is what opening a run online raises.
    """

    def __init__(self, folder: Path) -> None:
        self.run = FakeRun(folder)
        self.silence = ""
        self.failure: Exception | None = None
        self.errors = SimpleNamespace(Error=type("Error", (Exception,), {}))
        self.probed: list[tuple[str, float]] = []
        self.asked: list[dict[str, Any]] = []

    def setup(self) -> SimpleNamespace:
        return SimpleNamespace(settings=SimpleNamespace(base_url="http://wandb.invalid"))

    def Settings(self, **given: Any) -> SimpleNamespace:
        return SimpleNamespace(base_url="http://default.invalid", **given)  # knows nothing of the environment

    def unreachable(self, url: str, seconds: float) -> str:
        self.probed.append((url, seconds))
        return self.silence

    def init(self, **given: Any) -> FakeRun:
        self.asked.append(given)
        if given["mode"] == "online" and self.failure is not None:
            raise self.failure
        return self.run


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    """W&B as it should be."""
    wandb = FakeWandb(tmp_path)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setattr(tracking, "unreachable", wandb.unreachable)
    return wandb


def ended(tracker: Tracker, status: str = "finished") -> None:
    """Close and wait, at most 10 seconds."""
    tracker.close({"status": status})
    assert tracker.wait(10)


def test_disabled_is_inert(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W&B is not even imported, and nothing is written."""
    monkeypatch.setitem(sys.modules, "wandb", None)  # an import would raise
    tracker = Tracker(settings(tmp_path, "disabled"))
    tracker.log({"eval/loss": 1.0}, 1)
    ended(tracker)
    assert list(tmp_path.iterdir()) == []


def test_everything_arrives_in_order(tmp_path: Path, fake: FakeWandb) -> None:
    """What is logged with its step, then the summary, then the end."""
    tracker = Tracker(settings(tmp_path))
    for step in range(5):
        tracker.log({"train/loss": 10.0 - step}, step)
    ended(tracker)
    assert fake.run.logged == [({"train/loss": 10.0 - step}, step) for step in range(5)]
    assert (fake.run.summary, fake.run.exit_code) == ({"status": "finished"}, 0)


@pytest.mark.parametrize(("status", "exit_code"), [("finished", 0), ("pruned", 0), ("failed", 1)])
def test_only_a_failed_trial_fails_its_run(status: str, exit_code: int, tmp_path: Path, fake: FakeWandb) -> None:
    """A pruned one is no failure."""
    ended(Tracker(settings(tmp_path)), status)
    assert fake.run.exit_code == exit_code


def test_what_is_logged_is_as_it_was_then(tmp_path: Path, fake: FakeWandb) -> None:
    """The caller may go on with its dict."""
    tracker = Tracker(settings(tmp_path))
    values = {"train/loss": 1.0}
    tracker.log(values, 1)
    values["train/loss"] = 2.0
    ended(tracker)
    assert fake.run.logged == [({"train/loss": 1.0}, 1)]


def test_a_run_is_bounded_and_the_trials_own(tmp_path: Path, fake: FakeWandb) -> None:
    """Opening and finishing have limits; the run is resumed by its id and is no other trial's of this process."""
    given = settings(tmp_path, tags=("asha",), config={"learning_rate": 1e-4}, open_seconds=2.0, finish_seconds=3.0)
    ended(Tracker(given))
    (asked,) = fake.asked
    bounds = {"init_timeout": 2.0, "login_timeout": 2.0, "finish_timeout": 3.0}
    assert vars(asked["settings"]).items() >= bounds.items()
    assert (asked["id"], asked["resume"], asked["reinit"]) == ("study-0001", "allow", "create_new")
    assert (asked["tags"], asked["config"], asked["dir"]) == (["asha"], {"learning_rate": 1e-4}, str(tmp_path))


def test_the_record_says_how_a_run_was_kept(tmp_path: Path, fake: FakeWandb) -> None:
    """The mode as asked, the trial's id, no reason, and the folder of the run."""
    ended(Tracker(settings(tmp_path)))
    assert json.loads((tmp_path / "tracking.json").read_text()) == {
        "mode": "online",
        "id": "study-0001",
        "reason": "",
        "folder": str(tmp_path / "wandb" / "run-1"),
    }


def test_a_silent_server_is_not_waited_for(tmp_path: Path, fake: FakeWandb, caplog: pytest.LogCaptureFixture) -> None:
    """The run is opened once, offline and under its own id; the record and the log say why."""
    fake.silence = "http://wandb.invalid: no route to host"
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    ended(tracker)
    record = json.loads((tmp_path / "tracking.json").read_text())
    assert [(asked["mode"], asked["id"]) for asked in fake.asked] == [("offline", "study-0001")]
    assert (record["mode"], record["id"], record["reason"]) == ("offline", "study-0001", fake.silence)
    assert fake.run.logged == [({"eval/loss": 1.0}, 1)]
    assert f"trial study-0001 is kept offline: {fake.silence}" in caplog.text


@pytest.mark.parametrize(("open_seconds", "waited"), [(30.0, 5.0), (2.0, 2.0)])
def test_a_server_is_asked_for_five_seconds_at_most(
    open_seconds: float, waited: float, tmp_path: Path, fake: FakeWandb
) -> None:
    """The one that is set up, and for no longer than opening may take; an offline run asks nobody."""
    ended(Tracker(settings(tmp_path, "offline")))
    assert fake.probed == []
    ended(Tracker(settings(tmp_path, open_seconds=open_seconds)))
    assert fake.probed == [("http://wandb.invalid", waited)]


def test_a_run_that_still_waits_at_the_end_is_kept_offline(
    tmp_path: Path, fake: FakeWandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last trial of a study may end before its run is open; what it logged is kept all the same."""
    answers = threading.Event()
    monkeypatch.setattr(tracking, "unreachable", lambda url, seconds: str(answers.wait(10)))
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    tracker.close({"status": "finished"})
    assert not tracker.wait(0)
    last_words([tracker], 4.0)
    answers.set()
    record = json.loads((tmp_path / "tracking.json").read_text())
    assert (record["mode"], record["reason"]) == ("offline", "http://wandb.invalid: no answer before its slot closed")
    assert fake.run.logged == [({"eval/loss": 1.0}, 1)]
    assert fake.run.exit_code == 0


@pytest.mark.parametrize("kind", ["of W&B", "of the system"])
def test_a_failure_to_open_falls_back_to_offline(
    kind: str, tmp_path: Path, fake: FakeWandb, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked again, offline and under an id that W&B does not hold; the reason is its first line, nothing is lost."""
    failure = fake.errors.Error if kind == "of W&B" else ConnectionRefusedError
    fake.failure = failure("permission denied\nwhile retrying")
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    ended(tracker)
    record = json.loads((tmp_path / "tracking.json").read_text())
    asked = [(asked["mode"], asked["id"]) for asked in fake.asked]
    assert asked == [("online", "study-0001"), ("offline", "study-0001-offline")]
    assert (record["mode"], record["id"], record["reason"]) == ("offline", "study-0001-offline", "permission denied")
    assert (fake.run.logged, fake.run.exit_code) == ([({"eval/loss": 1.0}, 1)], 0)
    assert "trial study-0001 is kept offline: permission denied" in caplog.text


def test_a_failure_without_a_message_has_its_name_for_a_reason(tmp_path: Path, fake: FakeWandb) -> None:
    """`TimeoutError()` says nothing."""
    fake.failure = TimeoutError()
    ended(Tracker(settings(tmp_path)))
    assert json.loads((tmp_path / "tracking.json").read_text())["reason"] == "TimeoutError"


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of this machine that takes calls and never answers."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_why_a_server_cannot_be_reached(mute: str) -> None:
    """It never answers, refuses the call (port 9), or its address is none; each with the address, in time."""
    started = time.perf_counter()
    assert tracking.unreachable(mute, 0.1) == f"{mute}: timed out"
    assert tracking.unreachable("http://127.0.0.1:9", 0.1).startswith("http://127.0.0.1:9: [Errno")
    assert tracking.unreachable("wandb", 0.1).startswith("wandb: unknown url type")
    assert time.perf_counter() - started < 5


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """W&B that opens no run before the event is set; then there is none."""
    opened = threading.Event()
    monkeypatch.setattr(Tracker, "_open", lambda self: opened.wait(30) and None)
    yield opened
    opened.set()


def test_a_trial_does_not_wait_while_its_run_is_opened(tmp_path: Path, stuck: threading.Event) -> None:
    """Neither to begin, nor to log, nor to end; `wait` keeps to its bound and says that it was not enough."""
    tracker = Tracker(settings(tmp_path))
    for step in range(20):
        started = time.perf_counter()
        tracker.log({"train/loss": 1.0}, step)
        assert time.perf_counter() - started < AT_ONCE
    started = time.perf_counter()
    tracker.close({"status": "finished"})
    assert time.perf_counter() - started < AT_ONCE
    assert not tracker.wait(0.05)
    stuck.set()
    assert tracker.wait(10)


def test_what_was_only_handed_over_is_logged_by_the_next_attempt(
    tmp_path: Path, fake: FakeWandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed while its run is opened has logged nothing; one that logged has, once."""
    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "_open", lambda self: time.sleep(60))
        killed = Tracker(settings(tmp_path))
        killed.log({"train/loss": 1.0}, 1)
    for last in (2, 3):
        tracker = Tracker(settings(tmp_path))
        for step in range(1, last + 1):
            tracker.log({"train/loss": 1.0 / step}, step)
        ended(tracker)
    assert [step for _, step in fake.run.logged] == [1, 2, 3]


def test_an_attempt_that_still_lives_logs_nothing_twice(tmp_path: Path, fake: FakeWandb) -> None:
    """The workers of a slot whose owner died go on for a moment; from when the next one logs, they do not."""
    trackers: list[Tracker] = []
    for number, steps in ((0, (1, 2, 3)), (1, (2, 3, 4)), (0, (4, 5))):
        if number == len(trackers):
            trackers.append(Tracker(settings(tmp_path)))
        for step in steps:
            trackers[number].log({"train/loss": 1.0}, step)
        assert wait_until(trackers[number]._queue.empty, 10) is not None
        time.sleep(0.1)  # the last is out of the queue, and being logged
    for tracker in trackers:
        ended(tracker)
    assert [step for _, step in fake.run.logged] == [1, 2, 3, 4]


def test_a_stuck_run_does_not_hold_its_process(tmp_path: Path, stuck: threading.Event) -> None:
    """Its thread is a daemon, and bears the run's name for whoever looks at a hanging process."""
    Tracker(settings(tmp_path, run_id="held"))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "wandb-held")
    assert thread.daemon


class Listener(Tracker):
    """Takes what a callback hands over."""

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, Any], int]] = []

    def log(self, values: Any, step: int) -> None:
        self.heard.append((values, step))


def heard(logs: dict[str, Any], *, first_worker: bool = True) -> list[tuple[dict[str, Any], int]]:
    """What a tracker hears when the trainer logs at step 12."""
    listener = Listener()
    state = TrainerState(global_step=12, is_world_process_zero=first_worker)
    TrackingCallback(listener).on_log(None, state, TrainerControl(), logs=logs, model=None)
    return listener.heard


def test_names_are_those_of_transformers_own_integration() -> None:
    """`eval_…` goes to `eval/…`, all else to `train/…`, once."""
    logs = {"loss": 1.0, "grad_norm": 2.0, "eval_loss": 3.0, "eval_rouge_sum": 0.5, "train_runtime": 9.0, "epoch": 1}
    named = {
        "train/loss": 1.0,
        "train/grad_norm": 2.0,
        "eval/loss": 3.0,
        "eval/rouge_sum": 0.5,
        "train/runtime": 9.0,
        "train/epoch": 1,
    }
    assert heard(logs) == [(named, 12)]


def test_only_the_first_worker_logs() -> None:
    """And nothing is nothing to log."""
    assert heard({"loss": 1.0}, first_worker=False) == []
    assert heard({}) == []


class Refuses(http.server.BaseHTTPRequestHandler):
    """A server that answers everything with 401."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def test_a_server_that_refuses_is_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """401 is an answer; a port where nobody listens gives a reason."""
    monkeypatch.setenv("no_proxy", "*")
    with http.server.HTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        assert unreachable(url, 5) == ""
        thread.join(5)
    assert url in unreachable(url, 5)


#: Three trials on the real W&B: offline as asked, on a server that refuses everything, and on none at all.
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
from trainables.tracking.run_settings import RunSettings
from trainables.tracking.tracker import Tracker
for name in ("offline", "refused", "silent"):
    if name == "silent":
        server.shutdown()
        server.server_close()
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    given = dict(project="p", run_id=name, name=name, group="g", folder=str(folder), record=str(folder / "record.json"))
    mode = "offline" if name == "offline" else "online"
    tracker = Tracker(RunSettings(mode=mode, open_seconds=1.0, finish_seconds=2.0, **given))
    tracker.log({"eval/rouge_sum": 0.25}, 3)
    started = time.perf_counter()
    tracker.close({"status": "finished"})
    closed = time.perf_counter() - started
    (folder / "times.json").write_text(json.dumps([closed, tracker.wait(60)]))
"""


@pytest.fixture(scope="module")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `offline`, `refused` and `silent` of three runs, made in a process of their own.

    Their server is on this machine; whoever asks another host is sent to port 9 of it, which refuses everybody.
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
def test_the_real_one_writes_a_run_that_can_be_synced(name: str, run_id: str, reason: str, three_runs: Path) -> None:
    """Whatever the server did: the record has the reason, and W&B's own file in its folder what was logged."""
    record = json.loads((three_runs / name / "record.json").read_text())
    assert (record["mode"], record["id"]) == ("offline", run_id)
    assert reason in record["reason"]
    assert bool(record["reason"]) == bool(reason)
    (file,) = Path(record["folder"]).glob("run-*.wandb")
    assert three_runs / name in file.parents
    assert b"eval/rouge_sum" in file.read_bytes()


@pytest.mark.parametrize("name", ["offline", "refused", "silent"])
def test_the_real_one_holds_nobody_up(name: str, three_runs: Path) -> None:
    """Closing takes less than the second that opening may, and the thread comes to its end."""
    closed, done = json.loads((three_runs / name / "times.json").read_text())
    assert closed < 1
    assert done


def test_an_attempt_that_lives_on_logs_no_more(tmp_path: Path) -> None:
    """Its slot's owner was killed and it has not heard: what the next attempt has taken over is that one's alone."""
    old, new = Logged(tmp_path / "logged.json"), Logged(tmp_path / "logged.json")
    old.take()
    assert old.new({"loss": 1.0}, 10) == {"loss": 1.0}
    old.keep(["loss"], 10)
    new.take()
    assert old.new({"loss": 1.0}, 20) == {}
    assert new.new({"loss": 1.0}, 10) == {}
    assert new.new({"loss": 1.0}, 20) == {"loss": 1.0}
    new.keep(["loss"], 20)
    assert old.new({"loss": 1.0}, 30) == {}


def test_attempts_wait_for_one_another(tmp_path: Path) -> None:
    """What one logs, it has kept before the next takes over."""
    old, new = Logged(tmp_path / "logged.json"), Logged(tmp_path / "logged.json")
    with old.alone():
        thread = threading.Thread(target=new.take)
        thread.start()
        old.keep(["loss"], 10)
        time.sleep(0.2)
        assert thread.is_alive()
    thread.join(5)
    assert new.new({"loss": 1.0}, 10) == {}
