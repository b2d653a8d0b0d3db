"""The training loop of every worker of a slot: receive a job, train it, receive the next.

A failure of the trial's own is reported, and the slot continues. After a lost peer or a broken device the process ends,
and Ray Train starts the group again.
"""

from __future__ import annotations

import gc
import os
import platform
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

import ray
import ray.train
from ray.train.collective import broadcast_from_rank_zero

from foundation.launchers import drop_launcher_variables
from trainables.slots.messages import Assignment, WorkerInfo
from trainables.slots.settings import SlotSettings
from trainables.tracking.run_settings import RunStatus
from trainables.training.job import write_trace
from trainables.training.reports import Decision, Interrupted, Report

if TYPE_CHECKING:
    from trainables.tracking.tracker import Tracker
    from trainables.training.worker_cache import WorkerCache

#: Seconds that a closing slot waits for W&B runs to finish.
_TRACKING_SECONDS = 4.0


class AlreadyReported(Exception):
    """The failure has been reported; only the process ends."""


def work(config: dict[str, Any]) -> None:
    """The train function of a slot's `TorchTrainer`; `config` holds the mailbox and the slot's settings."""
    mailbox, settings = config["mailbox"], config["settings"]
    try:
        _train_jobs(mailbox, settings)
    except Exception as error:
        # Without this report a group that cannot start would be restarted for ever.
        if not isinstance(error, AlreadyReported) and not _is_lost_peer(error):
            ray.get(mailbox.report_broken_group.remote(f"{type(error).__name__}: {error}", traceback.format_exc()))
        raise


def _is_lost_peer(error: Exception) -> bool:
    try:
        from trainables.slots.failures import is_lost_peer  # imports torch
    except (ImportError, OSError):  # torch is missing or broken, and no peer is lost
        return False
    return is_lost_peer(error)


def _train_jobs(mailbox: Any, settings: SlotSettings) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if not settings.shape.gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides no GPU from a worker that asked for none
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    # transformers would see the variables of Ray Train as those of a launcher and wrap the model in DDP for one worker.
    drop_launcher_variables(os.environ, workers=workers)
    import torch

    torch.set_num_threads(max(1, int(settings.shape.cpus + 0.01)))

    from trainables.training.worker_cache import WorkerCache

    cache = WorkerCache()
    nodes = _nodes(workers)
    if rank == 0:
        ray.get(mailbox.register_group.remote(_worker_info(workers), nodes))
    turn = first_turn = 0
    trackers: list[Tracker] = []
    while True:
        job: Assignment | None = _broadcast(ray.get(mailbox.next_job.remote(turn)) if rank == 0 else None, workers)
        if job is None:
            break
        turn = job.turn
        first_turn = first_turn or turn
        tracker = _train_job(job, mailbox, cache, rank, settings.preemption_notices)
        if turn == first_turn:
            gc.freeze()  # the objects of libraries stay: collecting them after each trial would take 0.25 s
        trackers = [each for each in [*trackers, tracker] if each is not None and not each.wait(0)]
    if trackers:
        from trainables.tracking.tracker import finish_all

        finish_all(trackers, _TRACKING_SECONDS)


def _broadcast(value: Any, workers: int) -> Any:
    """Returns rank 0's value on every rank."""
    if workers == 1:
        return value
    import torch.distributed as distributed

    values = [value]
    # A slot may wait longer for its next job than torch's collectives allow; Ray's barrier has no time limit.
    # The job itself is sent by torch, because Ray's broadcast is meant for less than a kilobyte.
    broadcast_from_rank_zero(None)
    distributed.broadcast_object_list(values, src=0)
    return values[0]


def _nodes(workers: int) -> list[str]:
    """Ids of the machines that this group runs on."""
    node = ray.get_runtime_context().get_node_id()
    if workers == 1:
        return [node]
    import torch.distributed as distributed

    nodes: list[str] = [""] * workers
    distributed.all_gather_object(nodes, node)
    return sorted(set(nodes))


def _worker_info(workers: int) -> WorkerInfo:
    import torch

    from trainables.training.arguments import choose_precision

    threads, has_gpu = torch.get_num_threads(), torch.cuda.is_available()
    device = torch.cuda.get_device_name() if has_gpu else f"CPU, {threads} thread{'s' * (threads > 1)}"
    flags = choose_precision({}, torch.device("cuda" if has_gpu else "cpu"))
    precision = next((name for name, enabled in flags.items() if enabled), "32 bit")
    return WorkerInfo(platform.node(), os.getpid(), device, precision, workers)


class _MailboxReporter:
    """Sends reports to the mailbox, and remembers how the job ends."""

    def __init__(self, mailbox: Any, turn: int) -> None:
        self._mailbox, self._turn = mailbox, turn
        self.status = RunStatus.FAILED

    def report(self, report: Report) -> Decision:
        decision: Decision = ray.get(self._mailbox.report.remote(self._turn, report))
        if report.last:
            self.status = RunStatus.FINISHED
        elif decision is not Decision.CONTINUE:
            closing = ray.get(self._mailbox.is_closing.remote())
            self.status = RunStatus.INTERRUPTED if closing else RunStatus.PRUNED
        return decision


def _train_job(assignment: Assignment, mailbox: Any, cache: WorkerCache, rank: int, notices: bool) -> Tracker | None:
    """Trains one job on this worker, and reports a failure of the job's own."""
    from trainables.slots.failures import can_train_next, failure_of, is_lost_peer
    from trainables.tracking.tracker import Tracker, TrackingCallback
    from trainables.training.callbacks import Heartbeat, SaveOnPreemption, SaveOnShutdown
    from trainables.training.memory import MemoryFull
    from trainables.training.trial import release, run_trial

    job, turn = assignment.job, assignment.turn
    reporter = _MailboxReporter(mailbox, turn)
    tracker = Tracker(job.tracking) if rank == 0 and job.tracking else None
    callbacks: list[Any] = [TrackingCallback(tracker)] if tracker else []
    if rank == 0:
        callbacks.append(Heartbeat(partial(mailbox.heartbeat.remote, turn)))
    callbacks.append(
        SaveOnShutdown(
            lambda step: tuple(ray.get(mailbox.should_stop.remote(turn, assignment.start, step))),
            lambda: bool(ray.get(mailbox.is_ending.remote())),
        )
    )
    if notices:
        callbacks.append(SaveOnPreemption(ray.train.get_preemption_info))
    engine = None
    try:
        engine = run_trial(job, reporter, cache, callbacks)
    except Interrupted:
        reporter.status = RunStatus.INTERRUPTED
        if rank == 0:  # the last rank to leave: the checkpoint is complete
            ray.get(mailbox.report_saved.remote(turn))
    except Exception as error:
        if is_lost_peer(error):
            raise
        if isinstance(error, MemoryFull):  # all workers restart with smaller batches; nothing died
            ray.get(mailbox.reset_starts.remote(turn))
            raise AlreadyReported from error
        failure = failure_of(error)
        write_trace(job.folder, failure.trace)
        ray.get(mailbox.report_failure.remote(turn, failure))
        if not can_train_next(error, ray.train.get_context().get_world_size()):
            raise AlreadyReported from error
    finally:
        if tracker:
            tracker.close({"status": str(reporter.status)})
    release(engine)
    return tracker
