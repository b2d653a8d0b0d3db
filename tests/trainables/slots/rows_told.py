"""Trains the job in a file as one of several workers; rank 0 prints the prediction of every dev row as JSON, last.

python -m tests.trainables.slots.rows_told JOB.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trainables.training.job import Job
from trainables.training.trial import PrintReporter, run_trial
from trainables.training.worker_cache import WorkerCache

if __name__ == "__main__":
    engine = run_trial(Job.from_json(Path(sys.argv[1]).read_bytes(), sys.argv[1]), PrintReporter(), WorkerCache())
    found = engine.predict_and_measure()
    if engine.is_world_process_zero():
        print(json.dumps({"predictions": found.predictions, "loss": found.loss, "workers": engine.args.world_size}))
