"""The warm slot: one long-lived Ray Train worker group that runs trials one after another.

Every peer pays process start, imports, CUDA and NCCL start and the loading of weights and data for each trial. A
slot pays once. Its owner is a Tune actor; `trainables.mailbox` says how the two talk, `trainables.worker` what the
workers do.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import Any

import ray

from trainables.mailbox import Mailbox


@dataclass(frozen=True)
class Shape:
    """What one slot is made of; CPUs and GPUs are those of one worker."""

    workers: int
    cpus: float
    gpus: float


class SlotLost(RuntimeError):
    """The worker group is gone for good; the trial may go on in another slot."""


class Slot:
    """Owns one worker group, from `TorchTrainer.fit` in a thread to the mailbox beside it.

    Args:
        folder: where Ray Train keeps its own files; trials have folders of their own.
    """

    def __init__(self, shape: Shape, folder: str, name: str) -> None:
        # It tells workers that their machine is about to go, which none of ours asks for; one process less per slot.
        os.environ.setdefault("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")
        # Here, since these import torch: the mailbox and the driver's checks do without.
        from ray.train import FailureConfig, RunConfig, ScalingConfig
        from ray.train.torch import TorchTrainer

        from trainables.worker import work

        self.name = name
        self._mailbox = ray.remote(num_cpus=0)(Mailbox).options(scheduling_strategy="DEFAULT").remote()
        self._error: BaseException | None = None
        trainer = TorchTrainer(
            work,
            train_loop_config={"mailbox": self._mailbox, "cpus": shape.cpus, "gpus": shape.gpus},
            scaling_config=ScalingConfig(
                num_workers=shape.workers,
                use_gpu=shape.gpus > 0,
                resources_per_worker={"CPU": shape.cpus} | ({"GPU": shape.gpus} if shape.gpus > 0 else {}),
                placement_strategy="PACK",
            ),
            run_config=RunConfig(
                name=name,
                storage_path=folder,
                # The mailbox counts starts per trial; a slot itself may be restarted as often as machines fail.
                failure_config=FailureConfig(max_failures=-1),
            ),
        )
        self._thread = threading.Thread(target=self._run, args=(trainer,), daemon=True, name=name)
        self._thread.start()

    def _run(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except BaseException as error:  # noqa: BLE001 - kept for `next_result`, which raises it in the owner
            self._error = error

    def post(self, job: dict[str, Any]) -> None:
        """Give the next job, ending the last."""
        ray.get(self._mailbox.post.remote(job))

    def decide(self, go_on: bool) -> None:
        ray.get(self._mailbox.decide.remote(go_on))

    def next_result(self) -> dict[str, Any]:
        """Wait for the next result of the current job.

        Raises:
            SlotLost: no worker group will ever give one.
        """
        while True:
            result: dict[str, Any] | None = ray.get(self._mailbox.next_result.remote(5.0))
            if result is not None:
                return result
            if not self._thread.is_alive():
                raise SlotLost(f"slot {self.name} ended") from self._error

    def close(self, seconds: float) -> None:
        """Let the workers leave; after `seconds` Ray ends them with their owner."""
        ray.get(self._mailbox.close.remote())
        self._thread.join(seconds)
