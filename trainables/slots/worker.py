"""What every worker of a slot does: take a job, train it, take the next.

A failure of a trial's own is reported and leaves the slot well; a lost peer or a broken device ends the process, and
Ray Train starts the group again.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import traceback
from typing import TYPE_CHECKING, Any

import ray
import ray.exceptions
import ray.train
from ray.train.collective import broadcast_from_rank_zero

from foundation import buckets
from foundation.checked_json import plain
from foundation.errors import UserError
from foundation.secrets import redact
from trainables.slots.mailbox import INFEASIBLE, STORAGE
from trainables.training.reports import Decision, Report

if TYPE_CHECKING:
    from trainables.tracking.tracker import Tracker

#: How long a closing slot waits for W&B runs to be finished.
_LAST_WORDS_SECONDS = 4.0


class Reported(Exception):
    """The job was told of its failure already; only the process ends."""


def work(config: dict[str, Any]) -> None:
    """What every worker of a slot does: take a job, train it, take the next."""
    try:
        _work(config["mailbox"], config["cpus"], config["gpus"], config["warned"])
    except Exception as error:
        # A slot that cannot start would be restarted for ever: the job waiting for it is told why.
        if not isinstance(error, Reported) and not _lost_a_peer(error):
            ray.get(config["mailbox"].broken.remote(f"{type(error).__name__}: {error}", traceback.format_exc()))
        raise


def _work(mailbox: Any, cpus: float, gpus: float, warned: bool) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if not gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # Ray hides no GPU from a worker that asked for none
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    if workers == 1:
        # Else transformers sees a launcher's variables and wraps the model in DDP for one worker.
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            os.environ.pop(name, None)
    import torch

    torch.set_num_threads(max(1, int(cpus + 0.01)))

    from trainables.training.worker_cache import WorkerCache

    workshop = WorkerCache()
    nodes = _nodes(workers)
    if rank == 0:
        ray.get(mailbox.arrive.remote(_place(workers), nodes))
    turn = first = 0
    trackers: list[Tracker] = []
    while True:
        taken = _shared(ray.get(mailbox.take.remote(turn)) if rank == 0 else None, workers)
        if taken is None:
            break
        turn = taken["turn"]
        first = first or turn
        tracker = _run_job(taken, mailbox, workshop, rank, warned)
        if turn == first:
            gc.freeze()  # libraries stay: without this, each trial's end would look through all they hold, for 0.25 s
        trackers = [known for known in [*trackers, tracker] if known is not None and not known.wait(0)]
    if trackers:
        from trainables.tracking.tracker import last_words

        last_words(trackers, _LAST_WORDS_SECONDS)


def _shared(answer: Any, workers: int) -> Any:
    """Rank 0's answer on every rank."""
    if workers == 1:
        return answer
    import torch.distributed as distributed

    box = [answer]
    # A slot may wait for its next job longer than torch's collectives do; Ray's barrier has no time limit.
    # The job itself goes by torch, since Ray's broadcast is meant for less than a kilobyte.
    broadcast_from_rank_zero(None)
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def _nodes(workers: int) -> list[str]:
    """The machines that this group is on."""
    here = ray.get_runtime_context().get_node_id()
    if workers == 1:
        return [here]
    import torch.distributed as distributed

    found: list[str] = [""] * workers
    distributed.all_gather_object(found, here)
    return sorted(set(found))


def _place(workers: int) -> dict[str, Any]:
    import torch

    threads = torch.get_num_threads()
    on_cpu = f"CPU, {threads} thread{'s' * (threads > 1)}"
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else on_cpu
    from trainables.training.arguments import choose_precision

    chosen = choose_precision({}, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    precision = next((name for name, used in chosen.items() if used), "32 bit")
    return {"host": platform.node(), "pid": os.getpid(), "device": device, "precision": precision, "workers": workers}


class _MailboxReporter:
    """Reports to the mailbox; remembers how the last report was answered."""

    def __init__(self, mailbox: Any, turn: int) -> None:
        self._mailbox, self._turn = mailbox, turn
        self.status = "failed"

    def report(self, report: Report) -> Decision:
        go_on: bool | None = ray.get(self._mailbox.report.remote(self._turn, plain(report)))
        if report.last:
            self.status = "finished"
        elif not go_on:
            self.status = "interrupted" if ray.get(self._mailbox.closing.remote()) else "pruned"
        if go_on is None:
            return Decision.INTERRUPT
        return Decision.CONTINUE if go_on else Decision.STOP


def _run_job(taken: dict[str, Any], mailbox: Any, workshop: Any, rank: int, warned: bool) -> Tracker | None:
    """Train one job on this worker. A failure of the job's own is reported and leaves the slot well."""
    from trainables.tracking.run_settings import RunSettings
    from trainables.tracking.tracker import Tracker, TrackingCallback
    from trainables.training.callbacks import Heartbeat, SaveOnPreemption, SaveOnShutdown
    from trainables.training.job import Job
    from trainables.training.memory import MemoryFull
    from trainables.training.reports import Interrupted
    from trainables.training.trial import release, run_trial

    reporter = _MailboxReporter(mailbox, taken["turn"])
    tracker = Tracker(RunSettings(**taken["job"]["tracking"])) if rank == 0 and taken["job"].get("tracking") else None
    callbacks: list[Any] = [TrackingCallback(tracker)] if tracker else []
    if rank == 0:
        callbacks.append(Heartbeat(mailbox.beat.remote))
    callbacks.append(
        SaveOnShutdown(
            lambda step: tuple(ray.get(mailbox.should_stop.remote(taken["turn"], taken["start"], step))),
            lambda: bool(ray.get(mailbox.ending.remote())),
        )
    )
    if warned:
        callbacks.append(SaveOnPreemption(ray.train.get_preemption_info))
    engine = None
    try:
        job = Job.from_dict(taken["job"])
        engine = run_trial(job, reporter, workshop, callbacks)
    except Interrupted:
        reporter.status = "interrupted"
        if rank == 0:  # it leaves last, when the checkpoint is complete
            ray.get(mailbox.left.remote(taken["turn"]))
    except Exception as error:
        if _lost_a_peer(error):
            raise
        if isinstance(error, MemoryFull):  # all workers start again, with smaller batches; it is no death
            ray.get(mailbox.again.remote(taken["turn"]))
            raise Reported from error
        with contextlib.suppress(OSError):  # the disk may be what failed
            _write_trace(taken["job"], traceback.format_exc())
        ray.get(mailbox.failed.remote(taken["turn"], _reason(error), traceback.format_exc(), _kind(error)))
        if not _survivable(error):
            raise Reported from error
    finally:
        if tracker:
            tracker.close({"status": reporter.status})
    release(engine)
    return tracker


def _kind(error: BaseException) -> str:
    """Whose failure it is, if it is more than the trial's own."""
    from foundation.durable import StorageLost, is_storage_error
    from trainables.training.memory import Infeasible

    if isinstance(error, StorageLost) or is_storage_error(error):
        return STORAGE
    return INFEASIBLE if isinstance(error, Infeasible) else ""


def _reason(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    told = type(error).__name__ in ("TrialFailed", "Infeasible", "StorageLost")
    return redact(first if told else f"{type(error).__name__}: {first}")


def _write_trace(job: dict[str, Any], trace: str) -> None:
    buckets.write(buckets.join(job["folder"], "error.txt"), redact(trace).encode())


def _survivable(error: BaseException) -> bool:
    """Whether this process can train the next trial after `error`.

    With several workers only what all of them raise together; after a CUDA fault other than a full memory the
    device answers nothing any more.
    """
    import torch

    from foundation.durable import StorageLost
    from trainables.training.reports import TrialFailed

    if isinstance(error, TrialFailed | UserError | StorageLost):
        return True
    if ray.train.get_context().get_world_size() > 1:
        return False
    fault_of_device = torch.cuda.is_available() and isinstance(error, RuntimeError)
    return isinstance(error, torch.OutOfMemoryError) or not fault_of_device


def _lost_a_peer(error: BaseException) -> bool:
    """Whether `error` only says that another worker is gone, which is no fault of the trial."""
    import torch.distributed as distributed

    if isinstance(error, distributed.DistError | ConnectionError | ray.exceptions.RayActorError):
        return True
    return isinstance(error, RuntimeError) and any(
        word in str(error) for word in ("Connection closed by peer", "Connection reset", "gloo", "NCCL")
    )
