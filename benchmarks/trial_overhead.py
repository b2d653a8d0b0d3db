"""Measures the overhead of a trial: the same short trials run in four ways, one after the other, on one machine.

python -m benchmarks.trial_overhead            # all four ways; minutes, on an otherwise idle machine
python -m benchmarks.trial_overhead --short    # plain and kotune with 4 trials each; under a minute

Prints one JSON object on stdout, progress on stderr. The ways:

plain           one process, a `Seq2SeqTrainer` per trial, the model copied from memory; nothing is saved
plain_parallel  as many of those processes in parallel as there are slots (runs with plain)
kotune          a study: space, preparation, `Search`, no scheduler, random sampler
hf_ray          `Trainer.hyperparameter_search(backend="ray")`, one CPU per trial; works with Ray 2.60 as it is
stock           Ray's guide "Hyperparameter Tuning with Ray Tune": a Tune function per trial that calls
                `TorchTrainer.fit()`. The function and its worker take one CPU each, so that on two CPUs one trial
                runs at a time

Every way runs in separate processes while no other way runs, with one torch thread per process and without W&B. Trials
train 2 steps on 64 rows and evaluate once (`overhead/short_trial.py`). kotune does more work than the others: it writes
the trial's model, its record and Optuna's database. None of that is subtracted.

Per way:

startup_seconds             from the start of the process to the first result
seconds_per_trial           seconds from the end of a trial to the end of the next one on the same slot (or process),
                            without each slot's first trial
throughput_seconds_per_trial  seconds_per_trial / parallel trials: the wall-clock time that one more trial adds
trials, side_by_side
loss                        loss of one trial's evaluation; shows that all ways train alike
others_cpu_share            share of all cores that other processes used in the second before the way started or after
                            it ended, whichever is larger; above `QUIET`, the figures are not reliable

`ratios`: overhead = seconds_per_trial(way) - seconds_per_trial(the plain process under the same load), which is
plain_parallel for kotune and hf_ray, which use both cores, and plain for stock, which runs one trial at a time. A
kotune overhead below `RESOLUTION` counts as `RESOLUTION` when others are divided by it.
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

from benchmarks.overhead.ways import CHILDREN, Clock

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("plain", "kotune", "hf_ray", "stock")
#: Smallest difference that this benchmark can measure, in seconds.
RESOLUTION = 0.01
#: Time limit of each way, in seconds; a way that takes longer is killed and the benchmark fails.
PATIENCE = {"prepare": 180, "plain": 300, "kotune": 300, "hf_ray": 400, "stock": 400}
SHORT_TRIALS = 4
#: Largest share of all cores that other processes may use during a measurement.
QUIET = 0.1


# ---- ratios


def ratios(report: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Returns overheads over the plain process under the same load, in seconds and as multiples of kotune's."""
    baselines = {"kotune": "plain_parallel", "hf_ray": "plain_parallel", "stock": "plain"}
    overheads = {
        way: report[way]["seconds_per_trial"] - report[baseline]["seconds_per_trial"]
        for way, baseline in baselines.items()
        if way in report and baseline in report
    }
    values = {f"{way}_overhead_seconds": overhead for way, overhead in overheads.items()}
    if "kotune" in overheads:
        kotune = max(overheads["kotune"], RESOLUTION)
        values |= {f"{way}_over_kotune": overheads[way] / kotune for way in ("hf_ray", "stock") if way in overheads}
    return values


# ---- processes


class WayFailed(RuntimeError):
    """A way failed; the message holds the end of its log."""


class Runner:
    """Starts ways in separate processes and kills every process that remains.

    Args:
        folder: folder for all files.
        wait: seconds to wait for an idle machine before each way.
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
            "RAY_USAGE_STATS_ENABLED": "0",
        }

    def run(self, way: str, trials: int, copies: int = 1) -> list[dict[str, Any]]:
        """Runs `copies` processes of `way` in parallel; returns the figures of each.

        Raises:
            WayFailed: one of them failed or exceeded its time limit.
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
            say(f"{way}: other processes used {others:.0%} of the CPU; the figures are not reliable")
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
    """Kills a process that leads a session, and all processes of the session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for pid in session_members(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def session_members(leader: int) -> Iterator[int]:
    """Yields the processes in the session of `leader`: Ray's workers leave the process group, not the session."""
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(ProcessLookupError):
            if os.getsid(int(entry.name)) == leader:
                yield int(entry.name)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-30:])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def busy_share(seconds: float = 1.0) -> float:
    """Returns the share of all cores that is busy during the next `seconds`; 0 without /proc."""

    def ticks() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), sum(fields[3:5])  # all; idle and iowait

    if not Path("/proc/stat").is_file():
        return 0.0
    before = ticks()
    time.sleep(seconds)
    passed, idle = (after - earlier for earlier, after in zip(before, ticks(), strict=True))
    return 1 - idle / max(passed, 1)


def wait_for_quiet(seconds: float) -> float:
    """Waits up to `seconds` for an idle machine; returns the share that other processes use."""
    deadline = time.monotonic() + seconds
    share = busy_share()
    while share > QUIET and time.monotonic() < deadline:
        share = busy_share()
    return share


def measure(ways: Sequence[str], trials: Mapping[str, int], slots: int, wait: float) -> dict[str, Any]:
    """Runs all ways, one after the other."""
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="kotune-benchmark-") as folder:
        runner = Runner(Path(folder), slots, wait)
        runner.run("prepare", 0)
        for way in ways:
            report[way] = runner.run(way, trials[way])[0]
            if way == "plain":
                report["plain_parallel"] = together(runner.run(way, trials[way], copies=slots))
    return {**report, "ratios": ratios(report)}


def together(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the figures of plain processes that ran in parallel."""
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
    """Returns `value` with its numbers rounded to a millisecond."""
    if isinstance(value, Mapping):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def main() -> int:
    """Runs the ways and prints their figures; with `--child`, runs one way in this process."""
    options = _arguments()
    if options.child:
        answer = CHILDREN[options.child](options.folder, options.trials, options.slots, Clock(options.started))
        options.answer.write_text(json.dumps(answer), encoding="utf-8")
        return 0
    ways = ("plain", "kotune") if options.short else options.ways
    trials = {
        "plain": options.trials,
        "kotune": options.trials,
        "hf_ray": options.hf_ray_trials,
        "stock": options.stock_trials,
    }
    if options.short:
        trials = dict.fromkeys(WAYS, SHORT_TRIALS)
    # On SIGTERM, the `finally` blocks still kill the processes it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        report = measure(ways, trials, options.slots, options.wait)
    except WayFailed as error:
        say(str(error))
        return 1
    print(json.dumps(rounded(report), indent=2))
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
    parser.add_argument("--trials", type=int, default=24, help="trials of plain and of kotune; default: 24")
    parser.add_argument("--hf-ray-trials", type=int, default=8, help="default: 8")
    parser.add_argument("--stock-trials", type=int, default=4, help="default: 4")
    parser.add_argument("--slots", type=int, default=2, help="parallel trials; default: 2")
    parser.add_argument("--wait", type=float, default=0, help="seconds to wait for an idle machine before each way")
    parser.add_argument("--short", action="store_true", help=f"plain and kotune, {SHORT_TRIALS} trials each")
    for name, kind in (("--folder", Path), ("--answer", Path), ("--started", float)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    parser.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
