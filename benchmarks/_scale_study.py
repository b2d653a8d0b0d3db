"""A study whose trials only sleep and report; all other parts are those of a real search. Prints one JSON object.

python -m benchmarks._scale_study FOLDER --trials 1000 --slots 64 --epoch 4
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import platform
import random
import resource
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import ray
from safetensors.numpy import save_file

from benchmarks.small import small_space, small_study
from trainables.slots.messages import Assignment, WorkerInfo
from trainables.slots.settings import Shape, SlotSettings
from trainables.slots.slot import Slot
from trainables.tracking.tracker import Tracker
from trainables.training import checkpoints
from trainables.training.early_stopping import EarlyStopping
from trainables.training.evaluation_tracker import EvaluationTracker
from trainables.training.job import Job
from trainables.training.reports import Decision, Report
from tuning.cluster.connection import connect, disconnect
from tuning.cluster.resources import Plan
from tuning.display.live import open_view
from tuning.search import Search
from tuning.studies.study import Study
from tuning.trainable import SlotTrainable

EPOCHS = 9  # of a complete trial; ASHA compares after 1, 3 and 9


def score(config: Mapping[str, Any], epoch: float) -> float:
    """Returns a loss that decreases over epochs, with its minimum at a learning rate of 1e-4 and a warmup of 0.1."""
    distance = abs(math.log10(config["learning_rate"]) + 4) + abs(config["warmup_ratio"] - 0.1) * 3
    noise = random.Random(f"{config['learning_rate']} {epoch}").gauss(0, 0.02)
    return 1 + distance + 2 / (1 + epoch) + noise


class Sleepers:
    """Replaces Ray Train's workers: takes jobs from the mailbox, sleeps, reports and saves as they do.

    Args:
        log: file with one line per job: its start and end time and the seconds it slept.
    """

    def __init__(self, mailbox: Any, epoch: float, log: Path) -> None:
        self._mailbox, self._epoch, self._log = mailbox, epoch, log

    def fit(self) -> None:
        info = WorkerInfo(platform.node(), os.getpid(), "none", "none", 1)
        ray.get(self._mailbox.register_group.remote(info, [ray.get_runtime_context().get_node_id()]))
        turn = 0
        while (job := self._next_job(turn)) is not None:
            turn, began = job.turn, time.monotonic()
            slept = self._train(job.job, turn)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"began": began, "ended": time.monotonic(), "slept": slept}) + "\n")

    def _next_job(self, after: int) -> Assignment | None:
        job: Assignment | None = ray.get(self._mailbox.next_job.remote(after))
        return job

    def _train(self, job: Job, turn: int) -> float:
        tracker = Tracker(job.tracking) if job.tracking else None
        never = EarlyStopping(patience=None, threshold=0.0, mode=job.mode)
        evaluations = EvaluationTracker(
            job,
            None,  # type: ignore[arg-type]
            None,
            _Reporter(self._mailbox, turn),
            start=None,
            early_stopping=never,
        )
        slept = 0.0
        for epoch in range(1, EPOCHS + 1):
            time.sleep(self._epoch)
            slept += self._epoch
            metrics = {"loss": score(job.config, epoch)}
            better, last = evaluations.record(epoch, metrics), epoch == EPOCHS
            if tracker:
                tracker.log({"eval/loss": metrics["loss"]}, epoch)
            if not last and evaluations.report(epoch, epoch, metrics, last) is not Decision.CONTINUE:
                break
            if better or not last:
                self._save(job, evaluations, epoch, resumable=not last)
                evaluations.prune_checkpoints()
            if last:
                evaluations.report(epoch, epoch, metrics, last)
        if tracker:
            tracker.close({"status": "finished"})
        return slept

    def _save(self, job: Job, evaluations: EvaluationTracker, epoch: int, *, resumable: bool) -> None:
        folder = Path(job.folder) / "checkpoints"
        staging = checkpoints.staging(folder, epoch)
        staging.mkdir(parents=True, exist_ok=True)
        save_file({"weight": np.zeros(256, np.float32)}, staging / "model.safetensors")
        (staging / "optimizer.pt").write_bytes(bytes(2048))
        evaluations.save(staging)
        checkpoints.complete(folder, epoch, epoch=epoch, resumable=resumable)


class _Reporter:
    def __init__(self, mailbox: Any, turn: int) -> None:
        self._mailbox, self._turn = mailbox, turn

    def report(self, report: Report) -> Decision:
        decision: Decision = ray.get(self._mailbox.report.remote(self._turn, report))
        return decision


class SleepingSlot(Slot):
    """A slot with a thread instead of workers."""

    def _trainer(self, settings: SlotSettings) -> Any:
        where = Path(settings.folder)
        where.mkdir(parents=True, exist_ok=True)
        return Sleepers(self._mailbox, float((where / "epoch").read_text()), where / f"{self.name}.jsonl")


class SleepingTrainable(SlotTrainable):
    """Owns a sleeping slot."""

    slot_class = SleepingSlot


class CpuSampler:
    """Samples the CPU seconds of this process and the number of reports, in a thread."""

    def __init__(self, study: Study, every: float = 1.0) -> None:
        self._study, self._every = study, every
        self.samples: list[tuple[float, float, int, int]] = []  # seconds, CPU seconds, reports, trials ended
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stopped.wait(self._every):
            records = list(self._study.records.values())
            reports = sum(len(record.results) for record in records)
            ended = sum(record.status != "running" for record in records)
            self.samples.append((time.monotonic(), time.process_time(), reports, ended))

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--epoch", type=float, required=True, help="seconds")
    parser.add_argument("--profile", type=Path, help="write cProfile's statistics of the driver here")
    options = parser.parse_args()
    space = small_space(
        options.folder, [f"budget.trials={options.trials}", f"num_train_epochs={EPOCHS}", "wandb.mode=offline"]
    )
    study, material = small_study(options.folder, "scale", space)
    (study.paths.ray / "train").mkdir(parents=True)
    (study.paths.ray / "train" / "epoch").write_text(str(options.epoch))
    connect(None, options.slots)
    search = Search(
        study,
        material,
        Plan(options.slots, Shape(1, 0.9, 0.0)),
        None,
        open_view(io.StringIO()),
        trainable=SleepingTrainable,
    )
    sampler = CpuSampler(study)
    began = time.monotonic()
    if options.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.runcall(search.run)
        profile.dump_stats(options.profile)
    else:
        search.run()
    seconds = time.monotonic() - began
    sampler.stop()
    jobs = [
        [json.loads(line) for line in file.read_text().splitlines()]
        for file in (study.paths.ray / "train").glob("*.jsonl")
    ]
    disconnect()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "jobs": jobs,
                "samples": sampler.samples,
                "end": search.end,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
