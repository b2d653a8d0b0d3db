"""Studies that are killed, again and again, and what is left of them: nothing may be lost.

    python -m benchmarks.faults [--kills 40] [--driver-kills 20] [--seed 0] [--out FOLDER]      # about half an hour
    python -m benchmarks.faults --short                                                         # under three minutes

Two questions, each answered with `kill -9`:

- everything: on a cluster of two nodes on this machine, at random moments, one of the driver, a train worker, a trial
  actor, a slot controller, a mailbox or the second node's raylet is killed until `--kills` were. Whatever stops, the
  study is resumed. All trials must end as if nothing had happened.
- decisions: one study with one slot runs to its end undisturbed, and again while its driver is killed `--driver-kills`
  times. Suggestions, decisions and scores must be the same.

Prints progress to stderr and one JSON object to stdout; exit code 1 if anything is not as it must be.
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

#: Seconds that a study may need to go on after a kill, or to tell anything at all; more counts as a fault.
PATIENCE = 150.0
#: How often a kind is killed, one after another, when the kill hits no trial: an idle slot, a node without slots.
_TRIES = 3
#: What a kill may cost at most, beside an epoch; the median of all.
LIMIT = 15.0

#: A quarter each of workers and trial actors, an eighth of the rest.
_KINDS = ("worker", "driver", "trial actor", "slot controller", "raylet", "worker", "mailbox", "trial actor")

#: What the tests of a study on one machine cannot kill, and a worker.
_SHORT = ("worker", "slot controller", "raylet", "driver")


@dataclass(frozen=True)
class Kill:
    """One kill: whom, and how long it took until every trial that ran then had told more or was over."""

    kind: str
    seconds: float | None


def tell(text: str) -> None:
    """A line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


# ---- everything


class Everything:
    """Kills whatever there is of studies on two nodes.

    Args:
        kinds: whom to kill, in turn.
        limit: seconds that the median kill may cost beside an epoch; None: as long as it takes.
    """

    def __init__(
        self, folder: Path, kills: int, seed: int, kinds: tuple[str, ...], trials: int, limit: float | None
    ) -> None:
        self.folder, self.left, self.kinds, self.trials, self.limit = folder, kills, kinds, trials, limit
        self.random = random.Random(seed)
        self.kills: list[Kill] = []
        self.missed = 0
        self.kind, self.tries = 0, 0
        self.faults: list[str] = []
        self.epochs: list[float] = []
        self.temporary: list[str] = []
        self.studies = 0

    def run(self) -> dict[str, Any]:
        """Kill until all kills are done and the last study is complete."""
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 2, "include_dashboard": False, "object_store_memory": 2**28},
        )
        self.node = self._add_node()
        try:
            while self.left > 0:
                self._one_study()
        finally:
            self.cluster.shutdown()
            for folder in self.temporary:
                shutil.rmtree(folder, ignore_errors=True)
        epoch = statistics.median(self.epochs) if self.epochs else 0.0
        took = [kill.seconds for kill in self.kills if kill.seconds is not None]
        lost = statistics.median(took) - epoch if took else 0.0
        if self.limit is not None and lost > self.limit:
            self.faults.append(f"the median kill cost {lost:.1f} s and an epoch, more than {self.limit:g} s")
        by_kind = {
            kind: [round(kill.seconds, 1) for kill in self.kills if kill.kind == kind and kill.seconds is not None]
            for kind in sorted({kill.kind for kill in self.kills})
        }
        return {
            "studies": self.studies,
            "kills": len(self.kills),
            "kills_that_no_trial_felt": self.missed,
            "seconds_until_told_more": by_kind,
            "epoch_seconds_median": round(epoch, 1),
            "lost_seconds_median_beside_an_epoch": round(lost, 1),
            "faults": self.faults,
        }

    def _add_node(self) -> Any:
        """A second machine, with temporary files of its own, as every machine has them."""
        temporary = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # short: sockets lie there
        self.temporary.append(temporary)
        return self.cluster.add_node(num_cpus=2, object_store_memory=2**28, temp_dir=temporary)

    def _one_study(self) -> None:
        self.studies += 1
        study = FaultStudy(
            f"killed-{self.studies}", self.folder, self.trials, 6, 2, self.cluster.address, "offline", seed=self.studies
        )
        seen: dict[str, dict[str, Any]] = {}
        study.start()
        self._until_told(study, {})
        try:
            while study.alive:
                seen = {**study.ended(), **seen}  # as they were when they were seen first
                if self.left > 0:
                    self._kill_once(study)
                elif not _goes_on(study):
                    self.faults.append(f"{study.name} told nothing for {PATIENCE:g} s")
                    break
        finally:
            if study.alive:
                study.kill()
        if study.driver is not None and study.driver.returncode != 0:
            self.faults.append(f"{study.name} ended with exit code {study.driver.returncode}")
        found = faults_of(study, seen)
        self.faults += [f"{study.name}: {fault}" for fault in found]
        self.epochs += [seconds for record in study.records().values() for seconds in _epochs_of(record)]
        tell(f"{study.name} ended after {study.starts} starts: {len(found)} faults")

    def _kill_once(self, study: FaultStudy) -> None:
        if study.wait(self.random.uniform(0.0, 6.0)) is not None:
            return
        kind, losses = self.kinds[self.kind % len(self.kinds)], study.losses()
        if not study.running():
            return
        if (started := self._kill(study, kind)) is None:
            return
        before = study.running()  # what was told before the kill counts for nothing
        took = self._until_told(study, before)
        spent = None if took is None else time.monotonic() - started
        if took is None:
            self.faults.append(f"{study.name}: did not go on within {PATIENCE:g} s after its {kind} was killed")
        hit = kind == "driver" or took is None or study.losses() > losses
        self.tries += 1
        if hit or self.tries == _TRIES:
            self.kind, self.tries = self.kind + 1, 0
        if not hit:
            self.missed += 1
            tell(f"{study.name}: {kind} killed, which no trial felt")
            return
        self.left -= 1
        self.kills.append(Kill(kind, spent))
        tell(f"{study.name}: {kind} killed, went on after {f'{spent:.1f} s' if spent else 'never'} ({self.left} left)")

    def _kill(self, study: FaultStudy, kind: str) -> float | None:
        """When it was killed; None if there is none."""
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
        found = processes(raylets)[kind]
        if not found:
            return None
        kill_9(self.random.choice(found).pid)
        return time.monotonic()

    def _until_told(self, study: FaultStudy, before: dict[str, int]) -> float | None:
        def told() -> bool:
            return not study.alive or (study.moved_on(before) if before else study.results() > 0)

        return wait_until(told, PATIENCE)


def _goes_on(study: FaultStudy) -> bool:
    """Whether it ends, or tells more, in time."""
    return _reaches(study, study.results() + 1)


def _reaches(study: FaultStudy, results: int) -> bool:
    """Whether it ends, or tells so many results in all, in time."""
    return wait_until(lambda: not study.alive or study.results() >= results, PATIENCE) is not None


def _epochs_of(record: dict[str, Any]) -> list[float]:
    """Seconds of the epochs that followed another without a restart."""
    seconds = [result["seconds"] for result in record["results"]]
    return [after - before for before, after in pairwise(seconds) if after > before]


# ---- decisions


def decisions(folder: Path, kills: int, seed: int, trials: int, epochs: int) -> dict[str, Any]:
    """One study undisturbed, and the same while its driver is killed."""
    chance = random.Random(seed)
    for name in ("calm", "stormy"):
        (folder / name).mkdir()
    calm = FaultStudy("study", folder / "calm", trials, epochs, 1, seed=seed)
    calm.start()
    code = calm.wait(1800.0)
    tell(f"undisturbed: {calm.results()} results, exit code {code}")
    stormy = FaultStudy("study", folder / "stormy", trials, epochs, 1, seed=seed)
    faults = [] if code == 0 else [f"the undisturbed study ended with exit code {code}"]
    seen: dict[str, dict[str, Any]] = {}
    done = 0
    while done < kills:
        stormy.start()
        # Spread over the whole study, however fast the machine is.
        due = calm.results() * done // kills
        if chance.random() < 0.25 and stormy.results() >= due:  # while it starts
            stormy.wait(chance.uniform(0.5, 10.0))
        else:
            if not _reaches(stormy, max(due, stormy.results() + 1)):
                faults.append(f"it told nothing for {PATIENCE:g} s after kill {done}")
            stormy.wait(chance.uniform(0.0, 1.0))
        if not stormy.alive:
            break
        stormy.kill()
        done += 1
        seen = {**stormy.ended(), **seen}
        tell(f"driver killed, {kills - done} left; {stormy.results()} of {calm.results()} results")
    if stormy.driver is None or stormy.driver.returncode != 0:
        stormy.start()
        code = stormy.wait(1800.0)
        faults += [] if code == 0 else [f"the killed study ended with exit code {code}"]
    if done < kills:
        faults.append(f"the study was over after {done} of {kills} kills")
    different = differences(calm, stormy)
    faults += [*faults_of(stormy, seen), *different]
    return {"kills": done, "trials": trials, "results": calm.results(), "different": len(different), "faults": faults}


def main() -> int:
    """Kill, and print what is left."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--driver-kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="a few kills: for every day")
    parser.add_argument("--out", type=Path, help="where the studies are kept; default: a temporary folder")
    given = parser.parse_args()
    folder = given.out or Path(tempfile.mkdtemp(prefix="kotune-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    kinds = _SHORT if given.short else _KINDS
    started = time.monotonic()
    found: dict[str, Any] = {"seed": given.seed}
    if given.short or given.kills:
        kills = len(kinds) if given.short else given.kills
        trials, limit = (12, None) if given.short else (24, LIMIT)  # four kills make no median
        found["everything"] = Everything(folder, kills, given.seed, kinds, trials, limit).run()
    if not given.short and given.driver_kills:
        found["decisions"] = decisions(folder, given.driver_kills, given.seed, trials=24, epochs=6)
    found["minutes"] = round((time.monotonic() - started) / 60, 1)
    print(as_json(found))
    failed = any(part["faults"] for part in found.values() if isinstance(part, dict))
    if given.out is None and not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
