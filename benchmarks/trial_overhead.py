"""What a trial costs beside its own work: the same short trials run four ways, one after the other, on one machine.

python -m benchmarks.trial_overhead            # all four ways; minutes, on an otherwise idle machine
python -m benchmarks.trial_overhead --short    # plain and kotune with 4 trials each; under a minute

Prints one JSON object on stdout, progress on stderr. The ways:

plain           one process, a `Seq2SeqTrainer` per trial, the model copied from memory; nothing is saved
plain_parallel  as many of those processes side by side as there are slots (comes with plain)
kotune          a study: space, preparation, `Search`, no scheduler, random sampler
hf_ray          `Trainer.hyperparameter_search(backend="ray")`, one CPU per trial; works with Ray 2.60 as it is
stock           Ray's guide "Hyperparameter Tuning with Ray Tune": a Tune function per trial that calls
                `TorchTrainer.fit()`. The function and its worker take one CPU each, so that on two CPUs one trial
                runs at a time

Every way runs in processes of its own while no other runs, with one torch thread per process and without W&B. Trials
train 2 steps on 64 rows and evaluate once (`_short_trial.py`). kotune does more than the others here: it writes the
trial's model, its record and Optuna's database, as it always does, and none of that is subtracted.

Per way:

startup_seconds             from the start of the process to the first result
seconds_per_trial           what a trial takes of its slot (or process) in the steady state, that is from one trial's
                            end to the next one's on the same slot, each slot's first trial left out
throughput_seconds_per_trial  seconds_per_trial / trials side by side: what the next trial adds to the wall clock
trials, side_by_side
loss                        of one trial's evaluation, to see that all ways train alike
others_cpu_share            share of all cores that other processes took in the second before the way started or in
                            the one after it ended, whichever is more; over `QUIET`, its numbers say little

`ratios`: overhead = seconds_per_trial(way) - seconds_per_trial(the plain process under the same load), which is
plain_parallel for kotune and hf_ray, where both cores work, and plain for stock, where one trial has the machine to
itself. A kotune overhead under `RESOLUTION` counts as `RESOLUTION` when others are divided by it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._overhead_ways import CHILDREN, Clock

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("plain", "kotune", "hf_ray", "stock")
#: Seconds that this benchmark can tell apart.
RESOLUTION = 0.01
#: Seconds; a way that takes longer is ended and the benchmark fails.
PATIENCE = {"prepare": 180, "plain": 300, "kotune": 300, "hf_ray": 400, "stock": 400}
SHORT_TRIALS = 4
#: Share of all cores that other processes may take beside a measurement.
QUIET = 0.1


# ---- what the numbers mean


def ratios(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Overheads above the plain process under the same load, in seconds, and how many times kotune's they are."""
    baselines = {"kotune": "plain_parallel", "hf_ray": "plain_parallel", "stock": "plain"}
    overheads = {
        way: found[way]["seconds_per_trial"] - found[baseline]["seconds_per_trial"]
        for way, baseline in baselines.items()
        if way in found and baseline in found
    }
    told = {f"{way}_overhead_seconds": overhead for way, overhead in overheads.items()}
    if "kotune" in overheads:
        kotune = max(overheads["kotune"], RESOLUTION)
        told |= {f"{way}_over_kotune": overheads[way] / kotune for way in ("hf_ray", "stock") if way in overheads}
    return told


# ---- starting and ending them


class WayFailed(RuntimeError):
    """A way gave no numbers; holds the end of what it printed."""


class Runner:
    """Starts ways in processes of their own and ends all that they leave behind.

    Args:
        folder: where everything is written.
        wait: how many seconds to wait for a quiet machine before each way.
    """

    def __init__(self, folder: Path, slots: int, wait: float) -> None:
        self._folder, self._slots, self._wait = folder, slots, wait
        environment = {key: value for key, value in os.environ.items() if key != "RAY_ADDRESS"}
        self._environment = environment | {
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "HF_HUB_OFFLINE": "1",
            "WANDB_MODE": "disabled",
            "RAY_usage_stats_enabled": "0",
        }

    def run(self, way: str, trials: int, copies: int = 1) -> list[dict[str, Any]]:
        """Run `copies` processes of `way` side by side; answers what each measured.

        Raises:
            WayFailed: one of them failed or took too long.
        """
        before = wait_for_quiet(self._wait)
        say(f"{way}: {trials} trials" + (f" in each of {copies} processes" if copies > 1 else ""))
        places = [self._folder / f"{way}-{copies}-{copy}" for copy in range(copies)]
        started: list[subprocess.Popen[bytes]] = []
        deadline = time.monotonic() + PATIENCE[way]
        try:
            for place in places:
                started.append(self._start(way, trials, place))
            for process in started:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
            failed = any(process.returncode != 0 for process in started)
        finally:
            for process in started:
                end(process)
        if failed:
            raise WayFailed("\n".join(f"{way} failed:\n{_tail(place.with_suffix('.log'))}" for place in places))
        others = max(before, busy_share())
        if others > QUIET:
            say(f"{way}: other processes took {others:.0%} of the machine; its numbers say little")
        answers = [json.loads(place.with_suffix(".json").read_text(encoding="utf-8")) for place in places]
        return [{**answer, "others_cpu_share": others} for answer in answers]

    def _start(self, way: str, trials: int, place: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "benchmarks.trial_overhead", "--child", way, "--folder", str(self._folder)]
        numbers = ["--trials", str(trials), "--slots", str(self._slots), "--started", repr(time.monotonic())]
        with place.with_suffix(".log").open("wb") as log:
            return subprocess.Popen(
                [*command, *numbers, "--answer", str(place.with_suffix(".json"))],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a session, and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in session_members(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def session_members(leader: int) -> Iterator[int]:
    """Ids of the processes in the session of `leader`: Ray's workers leave the process group, not the session."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(entry.name)) == leader:
                yield int(entry.name)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def busy_share(seconds: float = 1.0) -> float:
    """Share of all cores that were busy for the next `seconds`; 0 where there is no /proc."""

    def ticks() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), sum(fields[3:5])  # all, idle or waiting for a disk

    if not Path("/proc/stat").is_file():
        return 0.0
    before = ticks()
    time.sleep(seconds)
    passed, idle = (after - earlier for earlier, after in zip(before, ticks(), strict=True))
    return 1 - idle / max(passed, 1)


def wait_for_quiet(seconds: float) -> float:
    """Wait up to `seconds` until other processes leave the machine alone; answers what they take."""
    deadline = time.monotonic() + seconds
    share = busy_share()
    while share > QUIET and time.monotonic() < deadline:
        share = busy_share()
    return share


def measure(ways: Sequence[str], trials: Mapping[str, int], slots: int, wait: float) -> dict[str, Any]:
    """All ways, one after the other."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="kotune-benchmark-") as folder:
        runner = Runner(Path(folder), slots, wait)
        runner.run("prepare", 0)
        for way in ways:
            found[way] = runner.run(way, trials[way])[0]
            if way == "plain":
                found["plain_parallel"] = together(runner.run(way, trials[way], copies=slots))
    return {**found, "ratios": ratios(found)}


def together(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The numbers of plain processes that ran side by side."""
    count = len(answers)
    seconds = sum(answer["seconds_per_trial"] for answer in answers) / count
    return {
        "startup_seconds": max(answer["startup_seconds"] for answer in answers),
        "seconds_per_trial": seconds,
        "throughput_seconds_per_trial": seconds / count,
        "trials": sum(answer["trials"] for answer in answers),
        "side_by_side": count,
        "others_cpu_share": max(answer["others_cpu_share"] for answer in answers),
    }


def rounded(value: Any) -> Any:
    """`value` with its numbers to a millisecond."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def main() -> int:
    given = _arguments()
    if given.child:
        answer = CHILDREN[given.child](given.folder, given.trials, given.slots, Clock(given.started))
        given.answer.write_text(json.dumps(answer), encoding="utf-8")
        return 0
    ways = ("plain", "kotune") if given.short else given.ways
    trials = {"plain": given.trials, "kotune": given.trials, "hf_ray": given.hf_ray_trials, "stock": given.stock_trials}
    if given.short:
        trials = dict.fromkeys(WAYS, SHORT_TRIALS)
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        found = measure(ways, trials, given.slots, given.wait)
    except WayFailed as error:
        say(str(error))
        return 1
    print(json.dumps(rounded(found), indent=2))
    return 0


def _ways(text: str) -> tuple[str, ...]:
    ways = tuple(text.split(","))
    unknown = [way for way in ways if way not in WAYS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(WAYS)}")
    return ways


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", type=_ways, default=WAYS, help=f"default: {','.join(WAYS)}")
    parser.add_argument("--trials", type=int, default=24, help="of plain and of kotune; default: 24")
    parser.add_argument("--hf-ray-trials", type=int, default=8, help="default: 8")
    parser.add_argument("--stock-trials", type=int, default=4, help="default: 4")
    parser.add_argument("--slots", type=int, default=2, help="trials side by side; default: 2")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for a quiet machine before each way")
    parser.add_argument("--short", action="store_true", help=f"plain and kotune, {SHORT_TRIALS} trials each")
    for name, kind in (("--folder", Path), ("--answer", Path), ("--started", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
