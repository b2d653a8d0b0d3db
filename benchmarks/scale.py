"""Measures the overhead of a search: 100 and 1,000 trials on 64 slots of a Ray that assumes 64 CPUs.

python -m benchmarks.scale            # 1,000 trials; about five minutes
python -m benchmarks.scale --short    # 40 and 120 trials on 8 slots

All parts (Optuna, ASHA, Tune, records, mailboxes, checkpoints, retention) are real except the training: trials sleep
for an epoch and report (`_scale_study.py`). Prints one JSON object on stdout, progress on stderr. Per size:

over_ideal         seconds of the slots divided by the seconds that their trials slept, minus 1; 0.05 is 5 %. Measured
                   from the start of the last slot to the end of each slot's last trial, because before that two cores
                   start two processes per slot
reports_per_second decisions of the driver per second while trials ran
driver_cpu         CPU seconds of the driver per second
driver_ms_per_report  CPU milliseconds of the driver per report, for all reports and for the last tenth of them
driver_peak_mb     peak memory of the driver

growth             ratio of the driver's CPU per report, of the larger study to the smaller one
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
#: The limits of `over_ideal` and of `growth`.
MOST_OVER_IDEAL, MOST_GROWTH = 0.05, 1.5


def over_ideal(jobs: Sequence[Sequence[dict[str, float]]]) -> float:
    """Returns the time of all slots relative to the time that their trials slept, minus 1.

    Args:
        jobs: per slot, its jobs in order: `began`, `ended` and `slept`, in seconds.
    """
    all_began = max(slot[0]["began"] for slot in jobs)
    steady = [later for slot in jobs if (later := [job for job in slot if job["began"] >= all_began])]
    busy = sum(slot[-1]["ended"] - slot[0]["began"] for slot in steady)
    slept = sum(job["slept"] for slot in steady for job in slot)
    return busy / slept - 1 if slept else math.nan


def cpu_per_report(samples: Sequence[Sequence[float]], since: float = 0.0) -> float:
    """Returns CPU seconds per report, from the share `since` of all reports to the last report.

    Args:
        samples: tuples of seconds, CPU seconds and number of reports.
    """
    total = samples[-1][2]
    window = [sample for sample in samples if sample[2] >= max(1, since * total)]
    (_, before, first, *_), (_, after, last, *_) = window[0], window[-1]
    return (after - before) / max(1, last - first)


def figures(outcome: dict[str, Any]) -> dict[str, Any]:
    """Returns the figures of one size."""
    working = [sample for sample in outcome["samples"] if sample[2]]
    (began, cpu_before, first, *_), (ended, cpu_after, last, *_) = working[0], working[-1]
    return {
        "seconds": round(outcome["seconds"], 1),
        "reports": last,
        "over_ideal": round(over_ideal(outcome["jobs"]), 4),
        "reports_per_second": round((last - first) / (ended - began), 1),
        "driver_cpu": round((cpu_after - cpu_before) / (ended - began), 3),
        "driver_ms_per_report": round(1000 * cpu_per_report(outcome["samples"]), 1),
        "driver_ms_per_report_last_tenth": round(1000 * cpu_per_report(outcome["samples"], 0.9), 1),
        "driver_peak_mb": round(outcome["peak_mb"]),
    }


def run(trials: int, slots: int, epoch: float, profile: Path | None = None) -> dict[str, Any]:
    """Runs one study in a separate process."""
    with tempfile.TemporaryDirectory(prefix="kotune-scale-") as folder:
        command = [sys.executable, "-m", "benchmarks._scale_study", folder, "--trials", str(trials)]
        command += ["--slots", str(slots), "--epoch", str(epoch)]
        command += ["--profile", str(profile)] if profile else []
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    output: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return output


def main() -> int:
    """Runs both sizes and prints their figures; returns 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs=2, default=(100, 1000))
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--epoch", type=float, default=5.0, help="seconds")
    parser.add_argument("--profile", type=Path, help="file for cProfile's statistics of the larger study's driver")
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    sizes, slots, epoch = ((40, 120), 8, 1.0) if options.short else (options.trials, options.slots, options.epoch)
    report: dict[str, Any] = {"slots": slots, "epoch_seconds": epoch}
    for size in sizes:
        print(f"{size} trials on {slots} slots", file=sys.stderr)
        report[str(size)] = figures(run(size, slots, epoch, options.profile if size == sizes[-1] else None))
        print(report[str(size)], file=sys.stderr)
    small, large = (report[str(size)] for size in sizes)
    report["growth"] = round(large["driver_ms_per_report"] / small["driver_ms_per_report"], 2)
    print(json.dumps(report, indent=2))
    return int(report["growth"] > MOST_GROWTH or large["over_ideal"] > MOST_OVER_IDEAL)


if __name__ == "__main__":
    sys.exit(main())
