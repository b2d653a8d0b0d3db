"""Tracking: a trial never waits for W&B, and a server that cannot be reached costs nothing but a remark."""

import json
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

from trainables.tracking import RunSettings, Tracker, TrackingCallback

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
    """Stands in for the module; going online raises `failure`, if there is one."""

    def __init__(self, folder: Path, failure: Exception | None = None) -> None:
        self.run, self.failure = FakeRun(folder), failure
        self.errors = SimpleNamespace(Error=type("Error", (Exception,), {}))
        self.asked: list[dict[str, Any]] = []

    def Settings(self, **given: Any) -> dict[str, Any]:
        return given

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
    assert asked["settings"].items() >= bounds.items()
    assert (asked["id"], asked["resume"], asked["reinit"]) == ("study-0001", "allow", "create_new")
    assert (asked["tags"], asked["config"], asked["dir"]) == (["asha"], {"learning_rate": 1e-4}, str(tmp_path))


def test_the_record_says_how_a_run_was_kept(tmp_path: Path, fake: FakeWandb) -> None:
    """The mode as asked, no reason, and the folder of the run."""
    ended(Tracker(settings(tmp_path)))
    assert json.loads((tmp_path / "tracking.json").read_text()) == {
        "mode": "online",
        "reason": "",
        "folder": str(tmp_path / "wandb" / "run-1"),
    }


@pytest.mark.parametrize("kind", ["of W&B", "of the system"])
def test_a_failure_to_open_falls_back_to_offline(
    kind: str, tmp_path: Path, fake: FakeWandb, caplog: pytest.LogCaptureFixture
) -> None:
    """Asked a second time, offline; the first line of the reason is recorded, and nothing logged is lost."""
    failure = fake.errors.Error if kind == "of W&B" else ConnectionRefusedError
    fake.failure = failure("no route to host\nwhile retrying")
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    ended(tracker)
    record = json.loads((tmp_path / "tracking.json").read_text())
    assert [asked["mode"] for asked in fake.asked] == ["online", "offline"]
    assert (record["mode"], record["reason"]) == ("offline", "no route to host")
    assert (fake.run.logged, fake.run.exit_code) == ([({"eval/loss": 1.0}, 1)], 0)
    assert "trial study-0001 is kept offline: no route to host" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_failure_without_a_message_has_its_name_for_a_reason(tmp_path: Path, fake: FakeWandb) -> None:
    """`TimeoutError()` says nothing."""
    fake.failure = TimeoutError()
    ended(Tracker(settings(tmp_path)))
    assert json.loads((tmp_path / "tracking.json").read_text())["reason"] == "TimeoutError"


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


#: Two trials on the real W&B: one offline as asked, one whose server answers nobody.
TWO_RUNS = """
import json, sys, time
from pathlib import Path
from trainables.tracking import RunSettings, Tracker
for mode in ("offline", "online"):
    folder = Path(sys.argv[1]) / mode
    folder.mkdir()
    given = dict(project="p", run_id=mode, name=mode, group="g", folder=str(folder), record=str(folder / "r.json"))
    tracker = Tracker(RunSettings(mode=mode, open_seconds=1.0, finish_seconds=2.0, **given))
    tracker.log({"eval/rouge_sum": 0.25}, 3)
    started = time.perf_counter()
    tracker.close({"status": "finished"})
    closed = time.perf_counter() - started
    (folder / "times.json").write_text(json.dumps([closed, tracker.wait(20), time.perf_counter() - started]))
"""


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders `offline` and `online` of two runs, made in a process of their own.

    Port 9 of this machine refuses everybody, and W&B's reports of its own errors are off: no host is asked.
    """
    folder = tmp_path_factory.mktemp("runs")
    environment = {
        "HOME": str(folder),
        "WANDB_BASE_URL": "http://127.0.0.1:9",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_ERROR_REPORTING": "false",
        "OMP_NUM_THREADS": "1",
    }
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", TWO_RUNS, str(folder)],
        cwd=root,
        env=environment,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return folder


def logged(folder: Path) -> bool:
    """Whether W&B's own file holds the metric; its name stands there as text."""
    files = list(folder.glob("wandb/offline-run-*/run-*.wandb"))
    return len(files) == 1 and b"eval/rouge_sum" in files[0].read_bytes()


def test_an_offline_run_is_written_to_its_folder(two_runs: Path) -> None:
    """With what was logged; the record names the folder that `wandb sync` wants."""
    record = json.loads((two_runs / "offline" / "r.json").read_text())
    assert (record["mode"], record["reason"]) == ("offline", "")
    assert list(Path(record["folder"]).glob("run-*.wandb"))
    assert logged(two_runs / "offline")


def test_a_server_that_answers_nobody_holds_nobody_up(two_runs: Path) -> None:
    """Closing is at once; the thread ends within 1 s to open and 2 s to finish, and some for a busy machine."""
    closed, done, seconds = json.loads((two_runs / "online" / "times.json").read_text())
    assert closed < AT_ONCE
    assert done
    assert seconds < 15


def test_a_server_that_answers_nobody_makes_a_run_offline(two_runs: Path) -> None:
    """On the real W&B: the record says why, and what was logged is there to be synced later."""
    record = json.loads((two_runs / "online" / "r.json").read_text())
    assert record["mode"] == "offline"
    assert record["reason"]
    assert logged(two_runs / "online")
