"""Trains the job in a file as one of several workers, interrupted and going on; rank 0 prints what came, last, as JSON.

python -m tests.trainables.slots.left_together JOB.json epoch|evaluation
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


def left(place: str) -> SaveOnShutdown:
    """In an epoch all workers are told at one step; in an evaluation the last one alone hears of it."""
    clock = iter(range(10_000))
    last = int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]) - 1
    return SaveOnShutdown(
        lambda step: (place == "epoch" and step == 2, step + 1),
        lambda: place == "evaluation" and last,
        lambda: float(next(clock)),
    )


if __name__ == "__main__":
    job, reporter, workshop = (
        Job.from_json(Path(sys.argv[1]).read_bytes(), sys.argv[1]),
        RecordingReporter(),
        WorkerCache(),
    )
    try:
        run_trial(job, reporter, workshop, [left(sys.argv[2])])
        sys.exit("it was not interrupted")
    except Interrupted:
        point = newest_intact(job.checkpoints) if os.environ["RANK"] == "0" else None
    engine = run_trial(job, reporter, workshop)
    if point is not None:
        place = {name: value for name, value in asdict(point).items() if name != "path"}
        told = [[report.epoch, report.metrics["loss"]] for report in reporter.reports]
        print(json.dumps({"point": place, "told": told, "steps": engine.state.global_step}))
