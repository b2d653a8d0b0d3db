"""Thousands of histories of a study, each with its own crashes, losses and full disks, and what must hold after each.

    python -m benchmarks.histories --workers 2                        # 10,000 histories, about ten minutes
    python -m benchmarks.histories --only 1234 --trace                # one history, with every write and message
    python -m benchmarks.histories --planted-bugs --workers 2         # after how many histories each bug is detected
    python -m benchmarks.histories --only 91 --planted-bug decision-lost

Searcher, scheduler, records, retention, lock, slots, mailboxes and the job loop of workers are the real ones. Ray,
Tune's loop, the training, the disk, the clock and Optuna's database are simulated (`benchmarks.simulation`). A seed
gives one history, and the same trace in every process.

Prints violations to stderr and a JSON object to stdout. Exits with 1 if a history has a violation, or if a planted bug
is not detected.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import time
from dataclasses import asdict
from functools import partial

from benchmarks.histories.planted_bugs import PLANTED_BUGS
from benchmarks.histories.runner import Report, Runner, detect, run_histories, temporary_folder
from benchmarks.histories.scenario import draw_scenario

#: Number of histories within which a planted bug must be detected.
_MAX_HISTORIES = 2_000


def run_one(seed: int, bug: str, trace: bool) -> int:
    """Runs and prints one history; returns the exit code."""
    folder = temporary_folder()
    try:
        result, violations = Runner(folder).run(seed, bug)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(draw_scenario(seed))
    if result is not None:
        print("\n".join([*(result.lines if trace else []), f"digest {result.digest:016x}, {len(result.lines)} lines"]))
    print("\n".join(violations) or "no violation")
    return int(bool(violations))


def run_all(seeds: range, workers: int) -> int:
    """Runs all histories on several processes, and prints their sum; returns the exit code."""
    started = time.monotonic()
    if workers == 1:
        report = run_histories(seeds)
    else:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            shares = [seeds[number::workers] for number in range(workers)]
            report = sum(pool.map(run_histories, shares, chunksize=1), Report())
    minutes = round((time.monotonic() - started) / 60, 1)
    summary = asdict(report) | {"digest": f"{report.digest:016x}", "workers": workers, "minutes": minutes}
    print(json.dumps(summary, indent=2))
    return int(bool(report.violations))


def run_planted_bugs(seeds: range, workers: int) -> int:
    """Prints, for each planted bug, the number of histories until it was detected; returns the exit code."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        detections = pool.map(partial(detect, seeds=seeds), PLANTED_BUGS, chunksize=1)
    print(json.dumps({bug: asdict(one) for bug, one in zip(PLANTED_BUGS, detections, strict=True)}, indent=2))
    return int(any(one.histories is None for one in detections))


def main() -> int:
    """Runs what the options name; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000, help="number of histories (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first history; the others follow (default: 0)")
    parser.add_argument("--workers", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument("--only", type=int, metavar="SEED", help="run one history")
    parser.add_argument("--trace", action="store_true", help="with --only: print every write, message and incident")
    parser.add_argument(
        "--planted-bug",
        choices=PLANTED_BUGS,
        default="",
        metavar="NAME",
        help=f"with --only: {', '.join(PLANTED_BUGS)}",
    )
    parser.add_argument("--planted-bugs", action="store_true", help="plant one bug after the other")
    options = parser.parse_args()
    if options.only is not None:
        return run_one(options.only, options.planted_bug, options.trace)
    if options.planted_bugs:
        return run_planted_bugs(range(options.seed, options.seed + _MAX_HISTORIES), options.workers)
    return run_all(range(options.seed, options.seed + options.count), options.workers)


if __name__ == "__main__":
    sys.exit(main())
