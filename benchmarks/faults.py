"""Kills the processes of studies again and again, and checks that nothing is lost.

    python -m benchmarks.faults [--kills 40] [--driver-kills 20] [--seed 0] [--out FOLDER]      # about half an hour
    python -m benchmarks.faults --short                                                         # under three minutes

Two parts, both with `kill -9`:

- everything: on a cluster of two nodes on this machine, at random moments, kills the driver, a train worker, a trial
  actor, a slot controller, a mailbox or the second node's raylet, `--kills` times in all. A study that stops is
  resumed. All trials must end as in a study that was never killed.
- decisions: runs one study with one slot undisturbed, and again while its driver is killed `--driver-kills` times.
  Suggestions, decisions and scores must be the same.

Prints progress to stderr and one JSON object to stdout. Exits with 1 if a check fails.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks._fault_checks import as_json, differences, faults_of
from benchmarks._fault_study import FaultStudy, kill_9, processes, wait_until

#: Seconds until a study must report a result after a kill or after its start; more counts as a fault.
PATIENCE = 150.0
#: Attempts per kind when a kill affects no trial: an idle slot, a node without slots.
_TRIES = 3
#: Seconds that the median kill may cost, in addition to an epoch.
LIMIT = 15.0

#: The order of kills: a quarter each are workers and trial actors, an eighth each are the others.
_KINDS = ("worker", "driver", "trial actor", "slot controller", "raylet", "worker", "mailbox", "trial actor")

#: The kinds that the tests of a study on one machine cannot kill, and a worker.
_SHORT = ("worker", "slot controller", "raylet", "driver")


@dataclass(frozen=True)
class Kill:
    """One kill: the kind of process, and the seconds until every running trial had a new result or had ended."""

    kind: str
    seconds: float | None


def log(text: str) -> None:
    """Prints a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# ---- everything


class Everything:
    """Kills processes of all kinds, of studies on two nodes.

    Args:
        kinds: the kinds of processes to kill, in turn.
        limit: seconds that the median kill may cost in addition to an epoch; None: no limit.
    """

    def __init__(
        self, folder: Path, kills: int, seed: int, kinds: tuple[str, ...], trials: int, limit: float | None
    ) -> None:
        self.folder, self.remaining, self.kinds, self.trials, self.limit = folder, kills, kinds, trials, limit
        self.random = random.Random(seed)
        self.kills: list[Kill] = []
        self.missed = 0
        self.kind, self.tries = 0, 0
        self.faults: list[str] = []
        self.epochs: list[float] = []
        self.temporary: list[str] = []
        self.studies = 0

    def run(self) -> dict[str, Any]:
        """Runs studies until all kills are done and the last study is complete."""
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 2, "include_dashboard": False, "object_store_memory": 2**28},
        )
        self.node = self._add_node()
        try:
            while self.remaining > 0:
                self._one_study()
        finally:
            self.cluster.shutdown()
            for folder in self.temporary:
                shutil.rmtree(folder, ignore_errors=True)
        epoch = statistics.median(self.epochs) if self.epochs else 0.0
        seconds = [kill.seconds for kill in self.kills if kill.seconds is not None]
        lost = statistics.median(seconds) - epoch if seconds else 0.0
        if self.limit is not None and lost > self.limit:
            self.faults.append(f"the median kill cost {lost:.1f} s and an epoch, more than {self.limit:g} s")
        by_kind = {
            kind: [round(kill.seconds, 1) for kill in self.kills if kill.kind == kind and kill.seconds is not None]
            for kind in sorted({kill.kind for kill in self.kills})
        }
        return {
            "studies": self.studies,
            "kills": len(self.kills),
            "kills_without_effect": self.missed,
            "seconds_until_next_result": by_kind,
            "epoch_seconds_median": round(epoch, 1),
            "lost_seconds_median_without_epoch": round(lost, 1),
            "faults": self.faults,
        }

    def _add_node(self) -> Any:
        """Adds a second node, with a temporary folder of its own like a separate machine."""
        temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: the paths of sockets have a limit of 107 bytes
        self.temporary.append(temporary)
        return self.cluster.add_node(num_cpus=2, object_store_memory=2**28, temp_dir=temporary)

    def _one_study(self) -> None:
        self.studies += 1
        study = FaultStudy(
            f"killed-{self.studies}", self.folder, self.trials, 6, 2, self.cluster.address, "offline", seed=self.studies
        )
        ended: dict[str, dict[str, Any]] = {}
        study.start()
        self._until_results(study, {})
        try:
            while study.alive:
                ended = {**study.ended(), **ended}  # as they were when they had just ended
                if self.remaining > 0:
                    self._kill_once(study)
                elif not _continues(study):
                    self.faults.append(f"{study.name} had no new result for {PATIENCE:g} s")
                    break
        finally:
            if study.alive:
                study.kill()
        if study.driver is not None and study.driver.returncode != 0:
            self.faults.append(f"{study.name} ended with exit code {study.driver.returncode}")
        faults = faults_of(study, ended)
        self.faults += [f"{study.name}: {fault}" for fault in faults]
        self.epochs += [seconds for record in study.records().values() for seconds in _epochs_of(record)]
        log(f"{study.name} ended after {study.starts} starts: {len(faults)} faults")

    def _kill_once(self, study: FaultStudy) -> None:
        if study.wait(self.random.uniform(0.0, 6.0)) is not None:
            return
        kind, losses = self.kinds[self.kind % len(self.kinds)], study.losses()
        if not study.running():
            return
        if (started := self._kill(study, kind)) is None:
            return
        before = study.running()  # results from before the kill do not count
        waited = self._until_results(study, before)
        spent = None if waited is None else time.monotonic() - started
        if waited is None:
            self.faults.append(f"{study.name}: no new result within {PATIENCE:g} s after its {kind} was killed")
        hit = kind == "driver" or waited is None or study.losses() > losses
        self.tries += 1
        if hit or self.tries == _TRIES:
            self.kind, self.tries = self.kind + 1, 0
        if not hit:
            self.missed += 1
            log(f"{study.name}: {kind} killed, no trial affected")
            return
        self.remaining -= 1
        self.kills.append(Kill(kind, spent))
        continued = f"after {spent:.1f} s" if spent else "never"
        log(f"{study.name}: {kind} killed, continued {continued} ({self.remaining} kills remain)")

    def _kill(self, study: FaultStudy, kind: str) -> float | None:
        """Kills a process of this kind; returns the time of the kill, or None if there is no such process."""
        if kind == "driver":
            study.kill()
            killed = time.monotonic()
            study.start()
            return killed
        if kind == "raylet":
            killed = time.monotonic()
            self.cluster.remove_node(self.node, allow_graceful=False)
            self.node = self._add_node()
            return killed
        raylets = [node.all_processes["raylet"][0].process.pid for node in self.cluster.list_all_nodes()]
        targets = processes(raylets)[kind]
        if not targets:
            return None
        kill_9(self.random.choice(targets).pid)
        return time.monotonic()

    def _until_results(self, study: FaultStudy, before: dict[str, int]) -> float | None:
        def continued() -> bool:
            return not study.alive or (study.moved_on(before) if before else study.results() > 0)

        return wait_until(continued, PATIENCE)


def _continues(study: FaultStudy) -> bool:
    """Whether it ends or has a new result in time."""
    return _reaches(study, study.results() + 1)


def _reaches(study: FaultStudy, results: int) -> bool:
    """Whether it ends or has this number of results in time."""
    return wait_until(lambda: not study.alive or study.results() >= results, PATIENCE) is not None


def _epochs_of(record: dict[str, Any]) -> list[float]:
    """Returns the seconds of epochs that followed another one without a restart."""
    seconds = [result["seconds"] for result in record["results"]]
    return [after - before for before, after in pairwise(seconds) if after > before]


# ---- decisions


def decisions(folder: Path, kills: int, seed: int, trials: int, epochs: int) -> dict[str, Any]:
    """Compares an undisturbed study with one of the same seed whose driver is killed."""
    chance = random.Random(seed)
    for name in ("calm", "stormy"):
        (folder / name).mkdir()
    calm = FaultStudy("study", folder / "calm", trials, epochs, 1, seed=seed)
    calm.start()
    code = calm.wait(1800.0)
    log(f"undisturbed: {calm.results()} results, exit code {code}")
    stormy = FaultStudy("study", folder / "stormy", trials, epochs, 1, seed=seed)
    faults = [] if code == 0 else [f"the undisturbed study ended with exit code {code}"]
    ended: dict[str, dict[str, Any]] = {}
    done = 0
    while done < kills:
        stormy.start()
        # Spread over the whole study, however fast the machine is.
        due = calm.results() * done // kills
        if chance.random() < 0.25 and stormy.results() >= due:  # while it starts
            stormy.wait(chance.uniform(0.5, 10.0))
        else:
            if not _reaches(stormy, max(due, stormy.results() + 1)):
                faults.append(f"no new result for {PATIENCE:g} s after kill {done}")
            stormy.wait(chance.uniform(0.0, 1.0))
        if not stormy.alive:
            break
        stormy.kill()
        done += 1
        ended = {**stormy.ended(), **ended}
        log(f"driver killed, {kills - done} kills remain; {stormy.results()} of {calm.results()} results")
    if stormy.driver is None or stormy.driver.returncode != 0:
        stormy.start()
        code = stormy.wait(1800.0)
        faults += [] if code == 0 else [f"the killed study ended with exit code {code}"]
    if done < kills:
        faults.append(f"the study ended after {done} of {kills} kills")
    different = differences(calm, stormy)
    faults += [*faults_of(stormy, ended), *different]
    return {"kills": done, "trials": trials, "results": calm.results(), "different": len(different), "faults": faults}


def main() -> int:
    """Runs both parts and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--driver-kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="four kills, without the second part")
    parser.add_argument("--out", type=Path, help="folder for the studies; default: a temporary folder")
    options = parser.parse_args()
    folder = options.out or Path(tempfile.mkdtemp(prefix="kotune-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    kinds = _SHORT if options.short else _KINDS
    started = time.monotonic()
    report: dict[str, Any] = {"seed": options.seed}
    if options.short or options.kills:
        kills = len(kinds) if options.short else options.kills
        trials, limit = (12, None) if options.short else (24, LIMIT)  # four kills are too few for a median
        report["everything"] = Everything(folder, kills, options.seed, kinds, trials, limit).run()
    if not options.short and options.driver_kills:
        report["decisions"] = decisions(folder, options.driver_kills, options.seed, trials=24, epochs=6)
    report["minutes"] = round((time.monotonic() - started) / 60, 1)
    print(as_json(report))
    failed = any(part["faults"] for part in report.values() if isinstance(part, dict))
    if options.out is None and not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
