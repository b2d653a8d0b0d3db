"""The warm slot: one long-lived Ray Train worker group that runs trials one after another.

Without slots each trial pays for process start, imports, CUDA and NCCL start, and the loading of weights and data. A
slot pays once. Its owner is a Tune actor; `trainables.slots.mailbox` describes how owner and workers exchange messages,
`trainables.slots.worker` what the workers do.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import uuid
from typing import Any

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.slots import ray_internals
from trainables.slots.mailbox import Mailbox
from trainables.slots.messages import Message
from trainables.slots.settings import SlotSettings
from trainables.training.job import Job
from trainables.training.reports import Decision

#: Prefix of the names of mailbox actors in their job's namespace.
MAILBOX_PREFIX = "mailbox of "

#: Seconds between two searches of a waiting slot for resources that dead actors hold.
_CLEANUP_SECONDS = 5.0


def alive_nodes() -> set[str]:
    """Ids of the machines of the cluster that are alive."""
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
    """Makes every slot of this Ray job save its trial at the next step and stop it. Returns at once.

    The search ends in any case: if Ray does not answer, trials continue from their newest checkpoints.
    """
    if not ray.is_initialized():  # the next line would start Ray
        return
    with contextlib.suppress(Exception):
        for name in ray.util.list_named_actors():
            if name.startswith(MAILBOX_PREFIX):
                with contextlib.suppress(ValueError, ray.exceptions.RayError):  # the actor has ended meanwhile
                    ray.get_actor(name).save_and_stop.remote()


class SlotLost(RuntimeError):
    """The worker group is gone for good; the trial can continue in another slot."""


class Slot:
    """Owns one worker group: a thread that runs `TorchTrainer.fit`, and the mailbox beside it."""

    def __init__(self, settings: SlotSettings, name: str) -> None:
        self.name, self._settings, self._last_cleanup = name, settings, 0.0
        # On this machine, so that the mailbox ends with this process and not with another machine.
        this_node = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor_name = f"{MAILBOX_PREFIX}{name} {uuid.uuid4().hex[:8]}"
        actor = ray.remote(num_cpus=0)(Mailbox).options(name=actor_name, scheduling_strategy=this_node)
        self._mailbox = actor.remote(alive_nodes)
        self._error: BaseException | None = None
        trainer = self._trainer(settings)
        self._thread = threading.Thread(target=self._run, args=(trainer,), daemon=True, name=name)
        self._thread.start()

    def _trainer(self, settings: SlotSettings) -> Any:
        """Returns an object whose `fit` runs the workers until the mailbox is closed."""
        # Ray's watcher tells workers that their machine is about to go. Without it a slot has one process less.
        os.environ["RAY_TRAIN_ENABLE_PREEMPTION_WATCHER"] = str(int(settings.preemption_notices))
        os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")  # notice a lost worker soon
        # Imported here because these import torch, which the mailbox and the driver do not need.
        from ray.train import FailureConfig, RunConfig, ScalingConfig

        from trainables.slots.trainer import SlotTrainer
        from trainables.slots.worker import work

        shape = settings.shape
        return SlotTrainer(
            work,
            train_loop_config={"mailbox": self._mailbox, "settings": settings},
            scaling_config=ScalingConfig(
                num_workers=shape.workers,
                use_gpu=shape.gpus > 0,
                resources_per_worker={"CPU": shape.cpus} | ({"GPU": shape.gpus} if shape.gpus > 0 else {}),
                placement_strategy="PACK",
            ),
            run_config=RunConfig(
                name=self.name,
                storage_path=settings.folder,
                # The mailbox counts the starts of each trial; the group itself may restart as often as machines fail.
                failure_config=FailureConfig(max_failures=-1),
            ),
        )

    def _run(self, trainer: Any) -> None:
        try:
            trainer.fit()
        except BaseException as error:  # noqa: BLE001 - `next_message` raises it in the owner
            self._error = error

    def _get(self, reference: Any) -> Any:
        """Returns the mailbox's answer.

        Raises:
            SlotLost: the mailbox is dead.
        """
        try:
            return ray.get(reference)
        except ray.exceptions.RayActorError as error:
            raise SlotLost(f"slot {self.name} lost its mailbox") from error

    def submit(self, job: Job) -> None:
        """Starts the next job, and stops the current one.

        Raises:
            SlotLost: the mailbox is dead.
        """
        self._get(self._mailbox.submit.remote(job))

    def answer(self, decision: Decision) -> None:
        """Decides on the last report that `next_message` returned.

        Raises:
            SlotLost: the mailbox is dead.
        """
        self._get(self._mailbox.answer.remote(decision))

    def next_message(self) -> Message:
        """Waits for the next message of the current job.

        Raises:
            SlotLost: no worker group can send one.
        """
        while True:
            message: Message | None = self._get(self._mailbox.next_message.remote(1.0))
            if message is not None:
                return message
            if not self._thread.is_alive():
                raise SlotLost(f"slot {self.name} ended") from self._error
            self._clean_up()
            if self._get(self._mailbox.seconds_without_progress.remote()) > self._settings.hang:
                raise SlotLost(f"slot {self.name} made no step for {self._settings.hang:g} s")

    def _clean_up(self) -> None:
        if time.monotonic() - self._last_cleanup > _CLEANUP_SECONDS:
            self._last_cleanup = time.monotonic()
            remove_orphaned_placement_groups()

    def close(self, seconds: float) -> None:
        """Lets the workers end; after `seconds` Ray kills them with their owner."""
        with contextlib.suppress(SlotLost):
            self._get(self._mailbox.close.remote())
        self._thread.join(seconds)
