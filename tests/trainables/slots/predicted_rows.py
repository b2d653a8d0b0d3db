"""Trains a job as one of several workers. Rank 0 prints the predictions of all dev rows as JSON, last.

python -m tests.trainables.slots.predicted_rows JOB.json
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from trainables.training.job import Job
from trainables.training.trial import PrintReporter, run_trial
from trainables.training.worker_cache import WorkerCache

if __name__ == "__main__":
    engine = run_trial(Job.from_json(Path(sys.argv[1]).read_bytes(), sys.argv[1]), PrintReporter(), WorkerCache())
    evaluation = engine.predict_and_measure()
    if engine.is_world_process_zero():
        print(
            json.dumps(
                {"predictions": evaluation.predictions, "loss": evaluation.loss, "workers": engine.args.world_size}
            )
        )
    sys.stdout.flush()
    os._exit(0)  # threads of a process group occasionally abort a process whose libraries are torn down
