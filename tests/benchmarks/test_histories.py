"""The short form of `python -m benchmarks.histories`, and the simulation under it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.histories.runner import run_histories
from benchmarks.histories.scenario import draw_scenario
from benchmarks.simulation.disk import Disk, Fault
from benchmarks.simulation.kernel import Event, Kernel
from foundation.durable import write_text

ROOT = Path(__file__).parents[2]


def test_histories_without_violations() -> None:
    """Fifteen histories; the command runs 10,000."""
    report = run_histories(range(15))
    assert report.violations == {}
    assert report.histories == 15
    assert report.crashes > 5


@pytest.mark.parametrize("bug", ["trial-folder-not-synced", "rungs-empty"])
def test_a_planted_bug_is_detected(bug: str) -> None:
    """A missing sync, and a scheduler that starts anew; the command plants all bugs."""
    assert run_histories(range(20), bug, until_violation=True).violations


def test_a_seed_gives_one_trace_in_two_processes() -> None:
    """Also if sets have another order in the other process."""
    environment = {**os.environ, "PYTHONHASHSEED": "1234"}
    command = [sys.executable, "-m", "benchmarks.histories", "--count", "3"]
    other = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(other.stdout)["digest"] == f"{run_histories(range(3)).digest:016x}"


def test_equal_seeds_give_equal_histories() -> None:
    """And others give others."""
    assert draw_scenario(5) == draw_scenario(5)
    assert len({draw_scenario(seed) for seed in range(50)}) == 50


def _run(folder: Path, target: Callable[[Disk], None]) -> Disk:
    """Runs a function as a process with a simulated disk in `folder`."""
    kernel = Kernel()
    disk = Disk(kernel, folder, lambda line: None)
    with kernel.closing(), disk.installed():
        process = kernel.create("writer", lambda: target(disk), "m0")
        kernel.run(process, 100.0)
        if process.error is not None:
            raise process.error
    return disk


def test_a_loss_of_power_keeps_what_was_synced(tmp_path: Path) -> None:
    """A file that was written durably survives; another one may be old, empty, torn or whole."""

    def write(disk: Disk) -> None:
        write_text(tmp_path / "safe.txt", "all of it")
        (tmp_path / "unsafe.txt").write_text("all of it")

    contents = set()
    for seed in range(30):
        for file in tmp_path.iterdir():
            file.unlink()
        _run(tmp_path, write).lose_power(random.Random(seed))
        assert (tmp_path / "safe.txt").read_text() == "all of it"
        unsafe = tmp_path / "unsafe.txt"
        contents.add(unsafe.read_text() if unsafe.exists() else None)
    assert {None, "", "all of it"} < contents


def test_a_full_disk_refuses_new_files(tmp_path: Path) -> None:
    """With the error of the operating system; nothing of the file remains."""

    def write(disk: Disk) -> None:
        disk.fault = Fault.FULL
        with pytest.raises(OSError, match="No space left"):
            write_text(tmp_path / "file.txt", "text")

    _run(tmp_path, write)
    assert list(tmp_path.iterdir()) == []


def test_a_process_dies_at_an_operation(tmp_path: Path) -> None:
    """`write_text` makes five: the file is there after the third, the rename."""
    for operations, exists in ((1, False), (2, False), (3, True), (4, True)):
        (tmp_path / "file.txt").unlink(missing_ok=True)

        def write(disk: Disk, operations: int = operations) -> None:
            disk.crashes[disk.kernel.running()] = operations
            write_text(tmp_path / "file.txt", "text")

        _run(tmp_path, write)
        assert (tmp_path / "file.txt").exists() is exists


def test_time_passes_only_while_all_processes_wait(tmp_path: Path) -> None:
    """Ten virtual seconds, in the order of the clock, take no real one."""
    kernel, order = Kernel(), list[str]()
    event = Event(kernel)

    def first() -> None:
        assert not event.wait(2.0)
        order.append(f"waited until {kernel.loop.now:g}")
        assert event.wait(100.0)
        order.append(f"woken at {kernel.loop.now:g}")

    def second() -> None:
        kernel.sleep(10.0)
        event.set()

    started = time.monotonic()
    with kernel.closing():
        main = kernel.create("first", first, "m0")
        kernel.spawn("second", second, "m0")
        kernel.run(main, 100.0)
    assert main.error is None
    assert order == ["waited until 2", "woken at 10"]
    assert time.monotonic() - started < 5.0
