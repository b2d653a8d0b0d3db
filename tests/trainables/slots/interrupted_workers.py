"""Trains a job as one of several workers, is interrupted, and continues. Rank 0 prints the outcome as JSON, last.

python -m tests.trainables.slots.interrupted_workers JOB.json epoch|evaluation
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from tests.trainables.reporters import RecordingReporter
from trainables.training.callbacks import SaveOnShutdown
from trainables.training.checkpoints import newest_intact
from trainables.training.job import Job
from trainables.training.reports import Interrupted
from trainables.training.trial import run_trial
from trainables.training.worker_cache import WorkerCache


def shutdown_in(phase: str) -> SaveOnShutdown:
    """In an epoch all workers stop at one step; in an evaluation only the last rank notices the end of the search."""
    clock = iter(range(10_000))
    is_last_rank = int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1
    return SaveOnShutdown(
        lambda step: (phase == "epoch" and step == 2, step + 1),
        lambda: phase == "evaluation" and is_last_rank,
        lambda: float(next(clock)),
    )


if __name__ == "__main__":
    job, reporter, cache = (
        Job.from_json(Path(sys.argv[1]).read_bytes(), sys.argv[1]),
        RecordingReporter(),
        WorkerCache(),
    )
    try:
        run_trial(job, reporter, cache, [shutdown_in(sys.argv[2])])
        sys.exit("the trial was not interrupted")
    except Interrupted:
        point = newest_intact(job.checkpoints) if os.environ["RANK"] == "0" else None
    engine = run_trial(job, reporter, cache)
    if point is not None:
        checkpoint = {name: value for name, value in asdict(point).items() if name != "path"}
        reports = [[report.epoch, report.metrics["loss"]] for report in reporter.reports]
        print(json.dumps({"checkpoint": checkpoint, "reports": reports, "steps": engine.state.global_step}))
    sys.stdout.flush()
    os._exit(0)  # threads of a process group occasionally abort a process whose libraries are torn down
