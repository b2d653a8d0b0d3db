"""The warm slot: one long-lived Ray Train worker group that runs trials one after another.

Every peer pays process start, imports, CUDA and NCCL start and the loading of weights and data for each trial. A
slot pays once. Its owner is a Tune actor; `trainables.slots.mailbox` says how the two talk, `trainables.slots.worker`
what the workers do.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.slots import ray_internals
from trainables.slots.mailbox import Mailbox

#: How mailboxes are called in their job's namespace, before a slot's name.
_MAILBOX = "mailbox of "

#: Seconds between two looks, of a slot that waits, for resources that dead ones hold.
_FREE_SECONDS = 5.0


@dataclass(frozen=True)
class Shape:
    """What one slot is made of; CPUs and GPUs are those of one worker."""

    workers: int
    cpus: float
    gpus: float


def alive_nodes() -> set[str]:
    """Ids of the machines of the cluster that are there."""
    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}


def remove_orphaned_placement_groups() -> None:
    """Removes placement groups whose creators are dead, of this job and of jobs that are over.

    They remain after `kill -9` of a slot's controller, or of a driver whose slot requests a group while Ray cleans up
    after the job. Ray keeps a group as long as its job lives. Ray Train's own cleaner asks the dashboard which actors
    are alive; without a dashboard it waits for ever, and so does the next slot for its CPUs. Ray's own mark on a group
    (`creator_actor_dead`) is missing if an actor requested the group just before it died.
    """
    job, ended = ray.get_runtime_context().get_job_id(), ray_internals.ended_jobs()
    for group in ray_internals.placement_groups():
        if group.removed or group.detached or not (group.creator_job_id == job or group.creator_job_id in ended):
            continue
        if group.creator_actor_id is None:  # the driver made it, and Ray removes those itself
            continue
        if ray_internals.is_actor_dead(group.creator_actor_id):
            ray_internals.remove_placement_group(group.group_id)


def save_all_and_stop() -> None:
    """Have every slot of this job save its trial at the next step and leave it; answers at once.

    The search ends in any case: where Ray does not answer, trials go on from the checkpoints that they have.
    """
    if not ray.is_initialized():  # or the next line would start one
        return
    with contextlib.suppress(Exception):
        for name in ray.util.list_named_actors():
            if name.startswith(_MAILBOX):
                with contextlib.suppress(ValueError, ray.exceptions.RayError):  # it went meanwhile
                    ray.get_actor(name).end.remote()


class SlotLost(RuntimeError):
    """The worker group is gone for good; the trial may go on in another slot."""


class Slot:
    """Owns one worker group, from `TorchTrainer.fit` in a thread to the mailbox beside it.

    Args:
        folder: where Ray Train keeps its own files; trials have folders of their own.
        hang: seconds without a step after which the slot counts as lost.
        warned: whether machines here are announced to go before they do.
    """

    def __init__(self, shape: Shape, folder: str, name: str, hang: float, warned: bool) -> None:
        self.name, self._hang, self._freed = name, hang, 0.0
        # On this machine, so that it goes with this process and not with another's.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        named = f"{_MAILBOX}{name} {uuid.uuid4().hex[:8]}"
        made = ray.remote(num_cpus=0)(Mailbox).options(name=named, scheduling_strategy=here)
        self._mailbox = made.remote(alive_nodes)
        self._error: BaseException | None = None
        trainer = self._trainer(shape, folder, warned)
        self._thread = threading.Thread(target=self._run, args=(trainer,), daemon=True, name=name)
        self._thread.start()

    def _trainer(self, shape: Shape, folder: str, warned: bool) -> Any:
        """What runs the workers until the mailbox is closed, by its `fit`."""
        # It tells workers that their machine is about to go; where none does, one process less per slot.
        os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = str(int(warned))
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")  # a lost worker is noticed, not waited for
        # Here, since these import torch: the mailbox and the driver's checks do without.
        from ray.train import FailureConfig, RunConfig, ScalingConfig

        from trainables.slots.trainer import SlotTrainer
        from trainables.slots.worker import work

        return SlotTrainer(
            work,
            train_loop_config={"mailbox": self._mailbox, "cpus": shape.cpus, "gpus": shape.gpus, "warned": warned},
            scaling_config=ScalingConfig(
                num_workers=shape.workers,
                use_gpu=shape.gpus > 0,
                resources_per_worker={"CPU": shape.cpus} | ({"GPU": shape.gpus} if shape.gpus > 0 else {}),
                placement_strategy="PACK",
            ),
            run_config=RunConfig(
                name=self.name,
                storage_path=folder,
                # The mailbox counts starts per trial; a slot itself may be restarted as often as machines fail.
                failure_config=FailureConfig(max_failures=-1),
            ),
        )

    def _run(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except BaseException as error:  # noqa: BLE001 - kept for `next_result`, which raises it in the owner
            self._error = error

    def _asked(self, question: Any) -> Any:
        """What the mailbox answers.

        Raises:
            SlotLost: it is gone.
        """
        try:
            return ray.get(question)
        except ray.exceptions.RayActorError as error:
            raise SlotLost(f"slot {self.name} lost its mailbox") from error

    def post(self, job: dict[str, Any]) -> None:
        """Give the next job, ending the last.

        Raises:
            SlotLost: there is nobody to give it to.
        """
        self._asked(self._mailbox.post.remote(job))

    def decide(self, go_on: bool) -> None:
        """Answer the result given last.

        Raises:
            SlotLost: there is nobody to answer.
        """
        self._asked(self._mailbox.decide.remote(go_on))

    def next_result(self) -> dict[str, Any]:
        """Wait for the next result of the current job.

        Raises:
            SlotLost: no worker group will ever give one.
        """
        while True:
            result: dict[str, Any] | None = self._asked(self._mailbox.next_result.remote(1.0))
            if result is not None:
                return result
            if not self._thread.is_alive():
                raise SlotLost(f"slot {self.name} ended") from self._error
            self._free_now_and_then()
            if self._asked(self._mailbox.idle.remote()) > self._hang:
                raise SlotLost(f"slot {self.name} made no step for {self._hang:g} s")

    def _free_now_and_then(self) -> None:
        if time.monotonic() - self._freed > _FREE_SECONDS:
            self._freed = time.monotonic()
            remove_orphaned_placement_groups()

    def close(self, seconds: float) -> None:
        """Let the workers leave; after `seconds` Ray ends them with their owner."""
        with contextlib.suppress(SlotLost):
            self._asked(self._mailbox.close.remote())
        self._thread.join(seconds)
