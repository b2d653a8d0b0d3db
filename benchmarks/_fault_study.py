"""A study for `benchmarks.faults`: `tune` in a process that can be killed, and the state of its folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_ROOT = Path(__file__).parents[1]

#: A CNN on the embedded reviews: an epoch takes seconds, and in six epochs ASHA decides twice.
_SPACE = (
    "--range",
    "learning_rate=log:5e-4:1e-2",
    "--range",
    "model.dropout=float:0.1:0.6",
    "--set",
    "vocabulary=1000",
)

#: Process kind -> the titles that Ray gives it, busy and idle.
PROCESSES = {
    "worker": ("ray::RayTrainWorker",),
    "trial actor": ("ray::ResourceTrainable", "ray::SlotTrainable"),
    "slot controller": ("ray::TrainController",),
    "mailbox": ("ray::Mailbox",),
}


#: Raised when a process or a file disappears meanwhile.
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, FileNotFoundError, json.JSONDecodeError)


@dataclass
class FaultStudy:
    """One study, driven by one process after the other.

    Args:
        address: address of a Ray cluster; None: the driver starts Ray itself.
    """

    name: str
    storage: Path
    trials: int
    epochs: int
    slots: int
    address: str | None = None
    wandb: str = "disabled"
    seed: int = 0
    sets: tuple[str, ...] = ()
    driver: subprocess.Popen[bytes] | None = None
    starts: int = 0
    codes: list[int | None] = field(default_factory=list)

    @property
    def root(self) -> Path:
        return self.storage / self.name

    def start(self) -> None:
        """Starts or resumes the study."""
        address = ["--address", self.address] if self.address else []
        storage = ["--storage", str(self.storage)]
        sets = [
            f"num_train_epochs={self.epochs}", "scheduler.reduction_factor=2", f"wandb.mode={self.wandb}",
            "per_device_train_batch_size=16", "sampler.startup_trials=3", *self.sets,
        ]  # fmt: skip
        if (self.root / "study.yaml").is_file():
            command = ["resume", self.name, *storage, *address]
        else:
            command = ["tune", "cnn", "--study", self.name, "--trials", str(self.trials), "--slots", str(self.slots)]
            command += ["--seed", str(self.seed), *_SPACE, *storage, *address]
            command += [part for text in sets for part in ("--set", text)]
        self.starts += 1
        log = (self.storage / f"{self.name}.{self.starts:03d}.out").open("wb")
        self.driver = subprocess.Popen(
            [sys.executable, str(_ROOT / "cli.py"), *command], stdout=log, stderr=subprocess.STDOUT, cwd=_ROOT
        )

    @property
    def alive(self) -> bool:
        return self.driver is not None and self.driver.poll() is None

    def kill(self) -> None:
        """Kills the driver with SIGKILL, and the Ray processes that it started."""
        assert self.driver is not None
        family = [] if self.address else psutil.Process(self.driver.pid).children(recursive=True)
        self.driver.send_signal(signal.SIGKILL)
        self.driver.wait()
        for process in family:  # Ray's own reaper takes seconds; a machine that fails ends all of them at once
            with suppress(*_GONE):
                process.kill()

    def wait(self, seconds: float) -> int | None:
        """Returns the exit code of the driver; None if it still runs."""
        assert self.driver is not None
        try:
            return self.driver.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    # ---- the state of the folder

    def records(self) -> dict[str, dict[str, Any]]:
        """Returns trial -> its record."""
        result = {}
        for path in sorted(self.root.glob("trials/*/trial.json")):
            with suppress(*_GONE):
                result[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
        return result

    def running(self) -> dict[str, int]:
        """Returns running trials -> their number of results."""
        return {
            name: len(record["results"]) for name, record in self.records().items() if record["status"] == "running"
        }

    def ended(self) -> dict[str, dict[str, Any]]:
        """Returns trials that have ended -> their records."""
        return {name: record for name, record in self.records().items() if record["status"] != "running"}

    def results(self) -> int:
        """Returns the number of results of all trials."""
        return sum(len(record["results"]) for record in self.records().values())

    def losses(self) -> int:
        """Returns how many lost slots and worker groups the drivers reported."""
        outputs = [
            path.read_text(encoding="utf-8", errors="replace") for path in self.storage.glob(f"{self.name}.*.out")
        ]
        return sum(len(re.findall(r": its (?:slot was|workers were) lost;", text)) for text in outputs)

    def moved_on(self, before: dict[str, int]) -> bool:
        """Whether every trial of `before` has more results now, or has ended."""
        now = self.running()
        return all(name not in now or now[name] > results for name, results in before.items())


def processes(of: list[int]) -> dict[str, list[psutil.Process]]:
    """Returns process kind -> processes: children of these raylets, or of the servers that fork for them."""
    parents = [psutil.Process(pid) for pid in of if psutil.pid_exists(pid)]
    ends = {str(pid) for parent in parents for pid in (parent.pid, parent.ppid())}
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if any(part.endswith("/forking/server.py") for part in line):
            *_, until, _idle, _listener = line
            if until in ends:
                parents.append(process)
    children = [child for parent in parents for child in parent.children(recursive=True)]
    result: dict[str, list[psutil.Process]] = {kind: [] for kind in PROCESSES}
    for child in children:
        with suppress(*_GONE):
            title = " ".join(child.cmdline())
            for kind, starts in PROCESSES.items():
                if title.startswith(starts):
                    result[kind].append(child)
    return result


def wait_until(condition: Any, seconds: float) -> float | None:
    """Returns the seconds until `condition()` is true; None if it is not true in time."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if condition():
            return time.monotonic() - started
        time.sleep(0.1)
    return None


def kill_9(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
