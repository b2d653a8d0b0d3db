"""Checks that a warm slot carries no state from trial to trial, on one slot of a real study.

    python -m benchmarks.warm_slot [--trials 50]

Prints one JSON object:

- `equal_to_fresh`: whether weights and metrics of the sixth trial are bitwise equal to those of a fresh process.
- `memory`: resident memory of the slot's worker after each trial. Growth is the mean of the last ten trials divided by
  the mean of trials 6 to 15; during the first five, the worker still loads modules and data that remain in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import psutil
from safetensors.torch import load_file

from benchmarks.small import make_search, small_space, small_study
from trainables.training import checkpoints
from tuning.cluster import connection
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study

_SIXTH = 5


def run(folder: Path, trials: int) -> dict[str, Any]:
    """Runs a study of `trials` trials on one slot, which keeps every model."""
    space = small_space(
        folder,
        [f"budget.trials={trials}", f"checkpoints.keep_best={trials}", "scheduler.name=none", "sampler.name=random"],
        ["optim=choice:adamw_torch,adafactor", "label_smoothing_factor=float:0:0.2"],
    )
    study, material = small_study(folder, "warm", space)
    search = make_search(study, material)
    resident: dict[str, float] = {}

    def measure(_: TrialRecord) -> None:
        for record in study.records.values():
            if record.status == "completed" and record.trial_id not in resident:
                worker = next(iter(search.searcher.workers.values()))
                resident[record.trial_id] = psutil.Process(worker.pid).memory_info().rss / 2**20

    study.observe(measure)
    search.run()
    sizes = list(resident.values())
    return {
        "trials": len(study.records),
        "worker_groups_started": search.worker_groups_started,
        "equal_to_fresh": same_as_fresh(study, folder),
        "memory": _growth(sizes) if len(sizes) >= 25 else {"mib": [round(size) for size in sizes]},
    }


def _growth(sizes: list[float]) -> dict[str, Any]:
    early, late = mean(sizes[5:15]), mean(sizes[-10:])
    return {"early_mib": round(early), "late_mib": round(late), "growth": round(late / early - 1, 4)}


def same_as_fresh(study: Study, folder: Path) -> dict[str, bool]:
    """Runs the sixth trial's job alone in a new process and compares weights and metrics."""
    record = list(study.records.values())[_SIXTH]
    job = study.paths.trial(record.trial_id) / "job.json"
    command = [sys.executable, "-m", "trainables.training.trial", str(job), "--folder", str(folder / "alone")]
    threads = {**os.environ, "OMP_NUM_THREADS": "1"}
    alone = subprocess.run(command, capture_output=True, text=True, check=True, env=threads)
    results = [json.loads(line)["metrics"] for line in alone.stdout.splitlines()]
    metrics = all(
        result.metrics[name] == fresh[name]
        for result, fresh in zip(record.results, results, strict=True)
        for name in fresh
        if name != "eval_seconds"
    )
    warm = checkpoints.list_complete(study.paths.checkpoints(record.trial_id))[-1]
    weights = load_file(warm.local_folder() / "model.safetensors")
    fresh = load_file(folder / "alone" / "checkpoints" / warm.local_folder().name / "model.safetensors")
    return {"metrics": metrics, "weights": all(bool((weights[name] == fresh[name]).all()) for name in weights)}


def main() -> None:
    """Runs the study on a local Ray and prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=50)
    options = parser.parse_args()
    connection.connect(None)
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(run(Path(scratch), options.trials), indent=2))
    connection.disconnect()


if __name__ == "__main__":
    main()
