"""What the search costs beside its trials: 100 and 1,000 trials on 64 slots of a machine that claims 64 CPUs.

python -m benchmarks.scale            # 1,000 trials; about five minutes
python -m benchmarks.scale --short    # 40 and 120 trials on 8 slots

Everything is real (Optuna, ASHA, Tune, records, mailboxes, checkpoints, retention) but the training: trials sleep for
an epoch and report (`_scale_study.py`). Prints one JSON object on stdout, progress on stderr. Per size:

over_ideal         seconds that slots took, from when the last of them had begun to their last trial's end, beside the
                   seconds that their trials slept; 0.05 is 5 %. Before that, two cores start two processes per slot
reports_per_second decisions that the driver took while trials ran
driver_cpu         its seconds of CPU per second
driver_ms_per_report  its CPU per report, in milliseconds; `last_tenth` of the reports beside all
driver_peak_mb     its memory at the end

growth             of the driver's CPU per report, from the smaller to the larger study
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
#: What is allowed: of the ideal schedule, and of the growth from the smaller to the larger study.
MOST_OVER_IDEAL, MOST_GROWTH = 0.05, 1.5


def over_ideal(jobs: Sequence[Sequence[dict[str, float]]]) -> float:
    """What slots took beside what their trials slept, all slots together.

    Args:
        jobs: of each slot, in order: when a job came, when it ended, how long it slept; in seconds.
    """
    all_began = max(slot[0]["began"] for slot in jobs)
    steady = [later for slot in jobs if (later := [job for job in slot if job["began"] >= all_began])]
    took = sum(slot[-1]["ended"] - slot[0]["began"] for slot in steady)
    slept = sum(job["slept"] for slot in steady for job in slot)
    return took / slept - 1 if slept else math.nan


def cpu_per_report(samples: Sequence[Sequence[float]], since: float = 0.0) -> float:
    """Seconds of CPU per report, from the share `since` of all reports to the last one.

    Args:
        samples: seconds, seconds of CPU, reports so far.
    """
    told = samples[-1][2]
    window = [sample for sample in samples if sample[2] >= max(1, since * told)]
    (_, before, first, *_), (_, after, last, *_) = window[0], window[-1]
    return (after - before) / max(1, last - first)


def described(found: dict[str, Any]) -> dict[str, Any]:
    """The numbers of one size."""
    working = [sample for sample in found["samples"] if sample[2]]
    (began, cpu_before, first, *_), (ended, cpu_after, last, *_) = working[0], working[-1]
    return {
        "seconds": round(found["seconds"], 1),
        "reports": last,
        "over_ideal": round(over_ideal(found["jobs"]), 4),
        "reports_per_second": round((last - first) / (ended - began), 1),
        "driver_cpu": round((cpu_after - cpu_before) / (ended - began), 3),
        "driver_ms_per_report": round(1000 * cpu_per_report(found["samples"]), 1),
        "driver_ms_per_report_last_tenth": round(1000 * cpu_per_report(found["samples"], 0.9), 1),
        "driver_peak_mb": round(found["peak_mb"]),
    }


def run(trials: int, slots: int, epoch: float, profile: Path | None = None) -> dict[str, Any]:
    """One study in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="kotune-scale-") as folder:
        command = [sys.executable, "-m", "benchmarks._scale_study", folder, "--trials", str(trials)]
        command += ["--slots", str(slots), "--epoch", str(epoch)]
        command += ["--profile", str(profile)] if profile else []
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Run both sizes, print what they cost; 1 if more than is allowed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs=2, default=(100, 1000))
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--epoch", type=float, default=5.0, help="seconds")
    parser.add_argument("--profile", type=Path, help="write cProfile's statistics of the larger study's driver here")
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    sizes, slots, epoch = ((40, 120), 8, 1.0) if given.short else (given.trials, given.slots, given.epoch)
    found: dict[str, Any] = {"slots": slots, "epoch_seconds": epoch}
    for size in sizes:
        print(f"{size} trials on {slots} slots", file=sys.stderr)
        found[str(size)] = described(run(size, slots, epoch, given.profile if size == sizes[-1] else None))
        print(found[str(size)], file=sys.stderr)
    small, large = (found[str(size)] for size in sizes)
    found["growth"] = round(large["driver_ms_per_report"] / small["driver_ms_per_report"], 2)
    print(json.dumps(found, indent=2))
    return int(found["growth"] > MOST_GROWTH or large["over_ideal"] > MOST_OVER_IDEAL)


if __name__ == "__main__":
    sys.exit(main())
