"""A trial never waits for W&B, and a server that cannot be reached only makes its run offline."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerControl, TrainerState

from benchmarks._fault_study import wait_until
from search_spaces.choices import WandbMode
from tests.trainables.tracking.fake_wandb import FakeWandb
from trainables.tracking import tracker as tracker_module
from trainables.tracking.run_settings import RunSettings
from trainables.tracking.tracker import Tracker, TrackingCallback, finish_all

AT_ONCE = 0.05  # seconds

#: An exception in a tracker's thread fails its test.
pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


def settings(folder: Path, mode: WandbMode = WandbMode.ONLINE, **changes: Any) -> RunSettings:
    """The settings of a trial's run, which is kept under `folder`."""
    defaults: dict[str, Any] = {
        "project": "kotune",
        "run_id": "study-0001",
        "name": "study-0001",
        "group": "study",
        "folder": str(folder),
        "record": str(folder / "tracking.json"),
    }
    return RunSettings(mode=mode, **{**defaults, **changes})


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    """W&B with a server that responds."""
    wandb = FakeWandb(tmp_path)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setattr(tracker_module, "why_unreachable", wandb.why_unreachable)
    return wandb


def close(tracker: Tracker, status: str = "finished") -> None:
    """Closes a tracker and waits for it, at most 10 seconds."""
    tracker.close({"status": status})
    assert tracker.wait(10)


def read_record(folder: Path) -> dict[str, Any]:
    """The record of how the run was kept."""
    record: dict[str, Any] = json.loads((folder / "tracking.json").read_text())
    return record


def test_disabled_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb is not imported, and no file is written."""
    monkeypatch.setitem(sys.modules, "wandb", None)  # an import would raise
    tracker = Tracker(settings(tmp_path, WandbMode.DISABLED))
    tracker.log({"eval/loss": 1.0}, 1)
    close(tracker)
    assert list(tmp_path.iterdir()) == []


def test_values_arrive_in_order(tmp_path: Path, fake: FakeWandb) -> None:
    """Values with their steps, then the summary, then the end of the run."""
    tracker = Tracker(settings(tmp_path))
    for step in range(5):
        tracker.log({"train/loss": 10.0 - step}, step)
    close(tracker)
    assert fake.run.logged == [({"train/loss": 10.0 - step}, step) for step in range(5)]
    assert (fake.run.summary, fake.run.exit_code) == ({"status": "finished"}, 0)


@pytest.mark.parametrize(("status", "exit_code"), [("finished", 0), ("pruned", 0), ("failed", 1)])
def test_only_a_failed_trial_fails_its_run(status: str, exit_code: int, tmp_path: Path, fake: FakeWandb) -> None:
    """A pruned trial is no failure."""
    close(Tracker(settings(tmp_path)), status)
    assert fake.run.exit_code == exit_code


def test_values_are_copied(tmp_path: Path, fake: FakeWandb) -> None:
    """The caller may change its dict afterwards."""
    tracker = Tracker(settings(tmp_path))
    values = {"train/loss": 1.0}
    tracker.log(values, 1)
    values["train/loss"] = 2.0
    close(tracker)
    assert fake.run.logged == [({"train/loss": 1.0}, 1)]


def test_a_run_is_opened_with_time_limits_and_its_own_id(tmp_path: Path, fake: FakeWandb) -> None:
    """It can be resumed by its id, and is separate from other runs of the process."""
    close(
        Tracker(
            settings(tmp_path, tags=("asha",), config={"learning_rate": 1e-4}, open_seconds=2.0, finish_seconds=3.0)
        )
    )
    (options,) = fake.init_calls
    limits = {"init_timeout": 2.0, "login_timeout": 2.0, "finish_timeout": 3.0}
    assert vars(options["settings"]).items() >= limits.items()
    assert (options["id"], options["resume"], options["reinit"]) == ("study-0001", "allow", "create_new")
    assert (options["tags"], options["config"], options["dir"]) == (["asha"], {"learning_rate": 1e-4}, str(tmp_path))


def test_the_record_describes_the_run(tmp_path: Path, fake: FakeWandb) -> None:
    """Mode, id, no reason, and the folder of the run."""
    close(Tracker(settings(tmp_path)))
    assert read_record(tmp_path) == {
        "mode": "online",
        "id": "study-0001",
        "reason": "",
        "folder": str(tmp_path / "wandb" / "run-1"),
    }


def test_an_unreachable_server_makes_the_run_offline(
    tmp_path: Path, fake: FakeWandb, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is opened once, offline and under its own id; record and log give the reason."""
    fake.unreachable = "http://wandb.invalid: no route to host"
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    close(tracker)
    record = read_record(tmp_path)
    assert [(options["mode"], options["id"]) for options in fake.init_calls] == [("offline", "study-0001")]
    assert (record["mode"], record["id"], record["reason"]) == ("offline", "study-0001", fake.unreachable)
    assert fake.run.logged == [({"eval/loss": 1.0}, 1)]
    assert f"trial study-0001 is kept offline: {fake.unreachable}" in caplog.text


@pytest.mark.parametrize(("open_seconds", "probe_seconds"), [(30.0, 5.0), (2.0, 2.0)])
def test_the_server_is_probed_for_at_most_five_seconds(
    open_seconds: float, probe_seconds: float, tmp_path: Path, fake: FakeWandb
) -> None:
    """And no longer than the run may take to open; an offline run probes no server."""
    close(Tracker(settings(tmp_path, WandbMode.OFFLINE)))
    assert fake.probes == []
    close(Tracker(settings(tmp_path, open_seconds=open_seconds)))
    assert fake.probes == [("http://wandb.invalid", probe_seconds)]


def test_a_run_that_still_waits_for_the_server_at_the_end_is_kept_offline(
    tmp_path: Path, fake: FakeWandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last trial of a study may end before its run is open; its values are kept."""
    responds = threading.Event()
    monkeypatch.setattr(tracker_module, "why_unreachable", lambda url, seconds: str(responds.wait(10)))
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    tracker.close({"status": "finished"})
    assert not tracker.wait(0)
    finish_all([tracker], 4.0)
    responds.set()
    record = read_record(tmp_path)
    assert (record["mode"], record["reason"]) == ("offline", "http://wandb.invalid: no response before its slot closed")
    assert fake.run.logged == [({"eval/loss": 1.0}, 1)]
    assert fake.run.exit_code == 0


@pytest.mark.parametrize("kind", ["wandb", "system"])
def test_a_run_that_cannot_be_opened_online_is_opened_offline(
    kind: str, tmp_path: Path, fake: FakeWandb, caplog: pytest.LogCaptureFixture
) -> None:
    """Under another id, because wandb holds the first one. The reason is the first line of the error."""
    failure = fake.errors.Error if kind == "wandb" else ConnectionRefusedError
    fake.failure = failure("permission denied\nwhile retrying")
    tracker = Tracker(settings(tmp_path))
    tracker.log({"eval/loss": 1.0}, 1)
    close(tracker)
    record = read_record(tmp_path)
    opened = [(options["mode"], options["id"]) for options in fake.init_calls]
    assert opened == [("online", "study-0001"), ("offline", "study-0001-offline")]
    assert (record["mode"], record["id"], record["reason"]) == ("offline", "study-0001-offline", "permission denied")
    assert (fake.run.logged, fake.run.exit_code) == ([({"eval/loss": 1.0}, 1)], 0)
    assert "trial study-0001 is kept offline: permission denied" in caplog.text


def test_an_error_without_a_message_is_recorded_by_its_name(tmp_path: Path, fake: FakeWandb) -> None:
    """`TimeoutError()` has no text."""
    fake.failure = TimeoutError()
    close(Tracker(settings(tmp_path)))
    assert read_record(tmp_path)["reason"] == "TimeoutError"


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A wandb that opens no run until the event is set, and none after it."""
    event = threading.Event()
    monkeypatch.setattr(Tracker, "_open", lambda self: event.wait(30) and None)
    yield event
    event.set()


def test_a_trial_does_not_wait_while_its_run_is_opened(tmp_path: Path, blocked: threading.Event) -> None:
    """Opening, logging and closing return at once; `wait` returns False at its limit."""
    tracker = Tracker(settings(tmp_path))
    for step in range(20):
        started = time.perf_counter()
        tracker.log({"train/loss": 1.0}, step)
        assert time.perf_counter() - started < AT_ONCE
    started = time.perf_counter()
    tracker.close({"status": "finished"})
    assert time.perf_counter() - started < AT_ONCE
    assert not tracker.wait(0.05)
    blocked.set()
    assert tracker.wait(10)


def test_a_blocked_run_does_not_keep_its_process_alive(tmp_path: Path, blocked: threading.Event) -> None:
    """Its thread is a daemon, and named after the run to be recognised in a stack dump."""
    Tracker(settings(tmp_path, run_id="blocked"))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "wandb-blocked")
    assert thread.daemon


def test_values_that_were_only_queued_are_logged_by_the_next_attempt(
    tmp_path: Path, fake: FakeWandb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed while its run is being opened has logged nothing. Each step is logged once."""
    with monkeypatch.context() as patched:
        patched.setattr(Tracker, "_open", lambda self: time.sleep(60))
        killed = Tracker(settings(tmp_path))
        killed.log({"train/loss": 1.0}, 1)
    for last in (2, 3):
        tracker = Tracker(settings(tmp_path))
        for step in range(1, last + 1):
            tracker.log({"train/loss": 1.0 / step}, step)
        close(tracker)
    assert [step for _, step in fake.run.logged] == [1, 2, 3]


def test_an_older_attempt_that_is_still_alive_logs_no_more(tmp_path: Path, fake: FakeWandb) -> None:
    """The workers of a slot whose owner died go on for a moment after the next attempt has started to log."""
    trackers: list[Tracker] = []
    for number, steps in ((0, (1, 2, 3)), (1, (2, 3, 4)), (0, (4, 5))):
        if number == len(trackers):
            trackers.append(Tracker(settings(tmp_path)))
        for step in steps:
            trackers[number].log({"train/loss": 1.0}, step)
        assert wait_until(trackers[number]._queue.empty, 10) is not None
        time.sleep(0.1)  # the last one is out of the queue, and being logged
    for tracker in trackers:
        close(tracker)
    assert [step for _, step in fake.run.logged] == [1, 2, 3, 4]


class RecordingTracker(Tracker):
    """Records what a callback logs."""

    def __init__(self) -> None:
        self.logged: list[tuple[dict[str, Any], int]] = []

    def log(self, values: Any, step: int) -> None:
        self.logged.append((values, step))


def logged_values(logs: dict[str, Any], *, is_first_worker: bool = True) -> list[tuple[dict[str, Any], int]]:
    """What the callback passes on when the trainer logs at step 12."""
    tracker = RecordingTracker()
    state = TrainerState(global_step=12, is_world_process_zero=is_first_worker)
    TrackingCallback(tracker).on_log(None, state, TrainerControl(), logs=logs, model=None)
    return tracker.logged


def test_names_are_those_of_transformers_own_integration() -> None:
    """`eval_…` becomes `eval/…`, and `train/` precedes all others: the mean loss is no point of the curve."""
    logs = {"loss": 1.0, "grad_norm": 2.0, "eval_loss": 3.0, "eval_rouge_sum": 0.5, "train_loss": 9.0, "epoch": 1}
    renamed = {
        "train/loss": 1.0,
        "train/grad_norm": 2.0,
        "eval/loss": 3.0,
        "eval/rouge_sum": 0.5,
        "train/train_loss": 9.0,
        "train/epoch": 1,
    }
    assert logged_values(logs) == [(renamed, 12)]


def test_only_the_first_worker_logs() -> None:
    """Empty logs are not passed on either."""
    assert logged_values({"loss": 1.0}, is_first_worker=False) == []
    assert logged_values({}) == []
