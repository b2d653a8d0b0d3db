"""Small studies on a real Ray whose storage, files or processes fail."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks._fault_study import FaultStudy, processes, wait_until
from benchmarks.small import make_search, small_space, small_study
from foundation import durable
from foundation.statuses import SessionEnd
from search_spaces.schema import Space
from trainables.training import checkpoints
from tuning.search import Search
from tuning.studies import retention
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_cpus"), pytest.mark.timeout(240)]


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    folder = tmp_path / "volume"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def epochs(study: Study) -> dict[str, list[float]]:
    """Trial -> the epochs of its results."""
    return {name: [result.epoch for result in record.results] for name, record in study.records.items()}


def space_of(folder: Path, trials: int = 2, epochs: int = 4) -> Space:
    """A space without a scheduler: all trials run to their end."""
    return small_space(folder, [f"budget.trials={trials}", f"num_train_epochs={epochs}", "scheduler.name=none"])


def after(study: Study, results: int, act: Callable[[], None]) -> threading.Event:
    """Calls `act` once, when the first trial has this number of results."""
    done = threading.Event()

    def listen(record: TrialRecord) -> None:
        first = next(iter(study.records.values()))
        if len(first.results) == results and not done.is_set():
            done.set()
            act()

    study.observe(listen)
    return done


def fill(volume: Path) -> None:
    """Fills the file system."""
    with (volume / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def empty(volume: Path) -> None:
    (volume / "filler").unlink()


def lock(volume: Path) -> None:
    trials = volume / "runs" / "paused" / "trials"
    subprocess.run(["mount", "--bind", trials, trials], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", trials], check=True)


def unlock(volume: Path) -> None:
    subprocess.run(["umount", "--lazy", volume / "runs" / "paused" / "trials"], check=True)


def alive(process: psutil.Process) -> bool:
    """Whether a process exists and is not a zombie."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(
    ("fail", "repair"),
    [pytest.param(fill, empty, id="full"), pytest.param(lock, unlock, id="read-only", marks=pytest.mark.slow)],
)
def test_a_failing_storage_pauses_the_study(
    volume: Path, monkeypatch: pytest.MonkeyPatch, fail: Callable[[Path], None], repair: Callable[[Path], None]
) -> None:
    """Complete results stay; with the storage repaired the study runs to its end, and no trial has failed."""
    monkeypatch.setattr(durable, "PAUSES", (0.1,))
    study, material = small_study(volume, "paused", space_of(volume))
    after(study, 2, lambda: fail(volume))
    search = make_search(study, material)
    search.run()
    assert search.end is SessionEnd.STORAGE_LOST
    assert "cannot be written" in str(study.storage_error)
    repair(volume)
    again = Study.load(volume / "runs", "paused")
    assert epochs(again)["paused-0000"] in ([1.0, 2.0], [1.0])
    retention.remove_leftovers(again)
    make_search(again, material).run()
    assert [record.status for record in again.records.values()] == ["completed", "completed"]
    assert set(map(tuple, epochs(again).values())) == {(1.0, 2.0, 3.0, 4.0)}


def test_a_trial_survives_the_death_of_each_process_of_its_slot(tmp_path: Path) -> None:
    """After kill -9 of each in turn the trial continues from its checkpoint, repeats no result, and does not fail."""
    study, material = small_study(tmp_path, "slot", space_of(tmp_path, trials=1, epochs=8))
    kinds = ["worker", "trial actor", "mailbox"]
    killed: list[str] = []

    def kill(record: TrialRecord) -> None:
        if len(killed) < len(kinds) and len(record.results) > len(killed):
            kind = kinds[len(killed)]
            children = psutil.Process().children(recursive=True)
            processes([child.pid for child in children if child.name() == "raylet"])[kind][0].kill()
            killed.append(kind)

    study.observe(kill)
    search = make_search(study, material)
    search.run()
    assert killed == kinds
    assert search.worker_groups_started >= 3
    assert [record.status for record in study.records.values()] == ["completed"]
    assert epochs(study) == {"slot-0000": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]}


def test_a_hanging_slot_is_replaced(tmp_path: Path) -> None:
    """A suspended worker neither works nor dies: the trial continues in another slot."""
    space = small_space(tmp_path, ["budget.trials=1", "num_train_epochs=3", "scheduler.name=none", "slots.hang=6s"])
    study, material = small_study(tmp_path, "hangs", space)
    stopped: list[psutil.Process] = []

    def stop() -> None:
        raylets = [child.pid for child in psutil.Process().children(recursive=True) if child.name() == "raylet"]
        stopped.append(processes(raylets)["worker"][0])
        stopped[0].suspend()

    after(study, 1, stop)
    make_search(study, material).run()
    assert [record.status for record in study.records.values()] == ["completed"]
    assert epochs(study) == {"hangs-0000": [1.0, 2.0, 3.0]}
    assert wait_until(lambda: not alive(stopped[0]), 30) is not None  # it would keep its memory


def test_a_spent_time_budget_saves_running_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of an epoch, where they continue."""
    over = threading.Event()
    monkeypatch.setattr(Search, "out_of_time", property(lambda self: over.is_set()))
    long = ["eval_every=45", "num_train_epochs=90", "scheduler.name=none", "budget.trials=1"]
    study, material = small_study(tmp_path, "long", small_space(tmp_path, long))
    after(study, 1, threading.Timer(0.5, over.set).start)
    search = make_search(study, material)
    search.run()
    assert search.end is SessionEnd.TIME_BUDGET
    (record,) = study.records.values()
    assert (record.status, len(record.results)) == ("running", 1)
    point = checkpoints.newest_intact(study.paths.trial("long-0000") / "checkpoints")
    assert point is not None
    assert 45 < point.epoch < 90
    assert point.evaluated == 45
    over.clear()
    study = Study.load(tmp_path / "runs", "long")
    make_search(study, material).run()
    assert [record.status for record in study.records.values()] == ["completed"]
    assert epochs(study) == {"long-0000": [45.0, 90.0]}


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)], ids=["SIGTERM", "Ctrl-C"]
)
def test_an_interrupted_search_ends_within_ten_seconds(tmp_path: Path, number: signal.Signals) -> None:
    """With all results, a checkpoint to continue from, an exported model, and no process left behind."""
    study = FaultStudy("ended", tmp_path, trials=4, epochs=80, slots=1, sets=("eval_every=20", "scheduler.grace=20"))
    study.start()
    assert wait_until(lambda: study.results() > 0, 120) is not None
    assert study.driver is not None
    family = psutil.Process(study.driver.pid).children(recursive=True)
    time.sleep(1.5)  # into the next twenty epochs
    study.driver.send_signal(number)
    began = time.monotonic()
    assert study.wait(30) == 130
    assert time.monotonic() - began < 10
    (running,) = study.running()
    point = checkpoints.newest_intact(study.root / "trials" / running / "checkpoints")
    assert point is not None
    assert point.evaluated < point.epoch < point.evaluated + 20
    assert (study.root / "best_model" / "model.safetensors").is_file()
    assert wait_until(lambda: not any(map(alive, family)), 10) is not None


@pytest.mark.slow
def test_a_second_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    """The study can be resumed."""
    study = FaultStudy("ended", tmp_path, trials=2, epochs=4, slots=1)
    study.start()
    assert wait_until(lambda: study.results() > 1, 120) is not None
    assert study.driver is not None
    family = psutil.Process(study.driver.pid).children(recursive=True)
    study.driver.send_signal(signal.SIGINT)
    study.wait(0.5)
    study.driver.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert study.wait(10) == 130
    assert time.monotonic() - began < 1
    assert wait_until(lambda: not any(map(alive, family)), 5) is not None
    study.start()
    assert study.wait(120) == 0
    assert len(study.ended()) == 2


@pytest.mark.parametrize("server", ["none", pytest.param("silent", marks=pytest.mark.slow)])
def test_a_study_whose_wandb_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """It ends like any other study, hardly later; its runs are offline, and one line says so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts connections and sends nothing
        port = listener.getsockname()[1]
        if server == "none":
            listener.close()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
        study = FaultStudy("alone", tmp_path, trials=2, epochs=2, slots=1, wandb="online")
        study.start()
        assert study.wait(120) == 0
    assert len(study.ended()) == 2
    output = (tmp_path / "alone.001.out").read_text(encoding="utf-8")
    assert output.count("runs are offline") == 1
    assert f"127.0.0.1:{port}" in output
    assert len(list((study.root / "wandb").glob("offline-run-*/*.wandb"))) == 2


@pytest.mark.parametrize("name", ["raylet", pytest.param("gcs_server", marks=pytest.mark.slow)])
def test_a_search_ends_when_its_own_ray_dies(tmp_path: Path, name: str) -> None:
    """Within seconds, with the line that resumes it; `resume` ends the study."""
    study = FaultStudy("s", tmp_path, trials=2, epochs=2, slots=1)
    study.start()
    assert study.driver is not None
    assert wait_until(lambda: study.results() >= 1, 120) is not None
    (process,) = [child for child in psutil.Process(study.driver.pid).children() if child.name() == name]
    process.kill()
    assert study.wait(30) == 1
    last = (tmp_path / "s.001.out").read_text(encoding="utf-8").splitlines()[-1]
    assert last.startswith(f"Ray on this machine has died: its process {name} was killed or crashed")
    assert f"resume s --storage {tmp_path}" in last
    study.start()
    assert study.wait(120) == 0
    assert {record["status"] for record in study.records().values()} <= {"completed", "pruned"}
