"""The warm slot: one long-lived Ray Train worker group that runs trials one after another.

Every peer pays process start, imports, CUDA and NCCL start and the loading of weights and data for each trial. A
slot pays once. Its owner (a Tune actor) and its workers talk through a mailbox, a small actor that holds
the current job and the owner's last decision:

    owner                     mailbox                      rank 0                     other ranks
    post(job)       ───────►  job, turn n    ───────►      take()    ── broadcast ─►  job
    next_result()   ◄───────  result         ◄───────      report()
    decide(go on)   ───────►  decision       ───────►      … answer  ── broadcast ─►  save, go on
    decide(stop)    ───────►  decision       ───────►      … answer  ── broadcast ─►  take()

A worker group that Ray Train restarts asks the mailbox again, is given the same job, and goes on from the job's
newest checkpoint; reports that were decided before the crash are answered from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import ray.exceptions
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.collective import broadcast_from_rank_zero
from ray.train.torch import TorchTrainer

from search_spaces.errors import UserError

if TYPE_CHECKING:
    from trainables.tracking import Tracker

#: How often one job may be started before it is given up: enough for bad luck, not for a trial that kills workers.
MAX_STARTS = 4
#: How long a closing slot waits for W&B runs to be finished.
_LAST_WORDS_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass
class _Turn:
    """One job's way through the mailbox."""

    number: int
    job: dict[str, Any]
    starts: int = 0
    decided: dict[float, bool] = field(default_factory=dict)  # epoch -> go on
    waiting: float | None = None  # epoch whose decision the worker waits for
    finished: bool = False  # nothing more will come


class Mailbox:
    """Holds the current job, its results and decisions. An asyncio actor: everything here may wait."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._turn: _Turn | None = None
        self._turns = 0
        self._results: list[dict[str, Any]] = []
        self._groups = 0
        self._place: dict[str, Any] = {}
        self._closed = False

    # ---- the owner's side

    async def post(self, job: dict[str, Any]) -> None:
        """Give the next job; whatever the last one still waits for is answered with "stop"."""
        async with self._changed:
            self._stop_turn()
            self._turns += 1
            decided = {} if not job.get("decided_epoch") else {float(job["decided_epoch"]): True}
            self._turn = _Turn(self._turns, job, decided=decided)
            self._results.clear()
            self._changed.notify_all()

    async def next_result(self, seconds: float) -> dict[str, Any] | None:
        """The next result of the current job; None when none came in time."""
        async with self._changed:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait_for(lambda: bool(self._results)), seconds)
            return self._results.pop(0) if self._results else None

    async def decide(self, go_on: bool) -> None:
        """Answer the result given last."""
        async with self._changed:
            if self._turn is not None and self._turn.waiting is not None:
                self._turn.decided[self._turn.waiting] = go_on
                self._changed.notify_all()

    async def close(self) -> None:
        """Stop the current job at its next report and let the workers leave."""
        async with self._changed:
            self._stop_turn()
            self._closed = True
            self._changed.notify_all()

    # ---- rank 0's side

    async def arrive(self, place: dict[str, Any]) -> None:
        """A worker group has started (again)."""
        async with self._changed:
            self._groups += 1
            self._place = place

    async def take(self, after: int) -> dict[str, Any] | None:
        """The job of a turn later than `after` that is not finished yet; None when the slot closes.

        A job whose workers died again and again is answered for here instead of being given once more.
        """
        async with self._changed:
            while True:
                await self._changed.wait_for(lambda: self._closed or self._open_turn(after) is not None)
                turn = self._open_turn(after)
                if turn is None:
                    return None
                turn.starts += 1
                if turn.starts <= MAX_STARTS:
                    return {"turn": turn.number, "job": turn.job, "start": turn.starts}
                self._finish(turn, {"failure": f"its workers died {MAX_STARTS} times", "last": True})

    async def report(self, number: int, result: dict[str, Any]) -> bool:
        """Pass a result on and wait for its decision; True to go on."""
        async with self._changed:
            turn = self._turn
            if turn is None or turn.number != number or turn.finished:
                return False
            if result["last"]:
                self._finish(turn, result)
                return False
            epoch = result["epoch"]
            if not any(epoch <= known for known, go_on in turn.decided.items() if go_on) and turn.waiting != epoch:
                turn.waiting = epoch
                self._results.append(self._signed(result))
                self._changed.notify_all()
            await self._changed.wait_for(
                lambda: turn.finished or any(epoch <= known for known in turn.decided) or self._turn is not turn
            )
            return not turn.finished and self._turn is turn and turn.decided.get(epoch, True)

    async def failed(self, number: int, reason: str, trace: str) -> None:
        """The job itself failed; the slot is well."""
        async with self._changed:
            if self._turn is not None and self._turn.number == number and not self._turn.finished:
                self._finish(self._turn, {"failure": reason, "trace": trace, "last": True})

    async def broken(self, reason: str, trace: str) -> None:
        """The worker group cannot work at all; whichever job waits for it is told."""
        async with self._changed:
            if self._turn is not None and not self._turn.finished:
                self._finish(self._turn, {"failure": f"the worker group broke: {reason}", "trace": trace, "last": True})

    async def closing(self) -> bool:
        """Whether the slot, not just the trial, is being stopped."""
        return self._closed

    # ---- inside

    def _open_turn(self, after: int) -> _Turn | None:
        turn = self._turn
        return turn if turn is not None and turn.number > after and not turn.finished else None

    def _stop_turn(self) -> None:
        if self._turn is not None:
            self._turn.finished = True
            self._changed.notify_all()

    def _finish(self, turn: _Turn, result: dict[str, Any]) -> None:
        turn.finished = True
        self._results.append(self._signed(result))
        self._changed.notify_all()

    def _signed(self, result: dict[str, Any]) -> dict[str, Any]:
        starts = self._turn.starts if self._turn else 0
        return {**result, "groups": self._groups, "starts": starts, "place": self._place}


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
        self.name = name
        self._mailbox = ray.remote(num_cpus=0)(Mailbox).options(scheduling_strategy="DEFAULT").remote()
        self._error: BaseException | None = None
        trainer = TorchTrainer(
            work,
            train_loop_config={"mailbox": self._mailbox, "cpus": shape.cpus},
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

    def _run(self, trainer: TorchTrainer) -> None:
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


def work(config: dict[str, Any]) -> None:
    """What every worker of a slot does: take a job, train it, take the next."""
    try:
        _work(config["mailbox"], config["cpus"])
    except Exception as error:
        # A slot that cannot start would be restarted for ever: the job waiting for it is told why.
        if not _lost_a_peer(error):
            ray.get(config["mailbox"].broken.remote(f"{type(error).__name__}: {error}", traceback.format_exc()))
        raise


def _work(mailbox: Any, cpus: float) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    if workers == 1:
        # Else transformers sees a launcher's variables and wraps the model in DDP for one worker.
        for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):
            os.environ.pop(name, None)
    import torch

    torch.set_num_threads(max(1, int(cpus + 0.01)))

    from trainables.trial import Workshop

    workshop = Workshop()
    if rank == 0:
        ray.get(mailbox.arrive.remote(_place(workers)))
    turn = 0
    trackers: list[Tracker] = []
    while True:
        taken = _shared(ray.get(mailbox.take.remote(turn)) if rank == 0 else None, workers)
        if taken is None:
            break
        turn = taken["turn"]
        tracker = _run_job(taken, mailbox, workshop, rank)
        trackers = [known for known in [*trackers, tracker] if known is not None and not known.wait(0)]
    deadline = time.monotonic() + _LAST_WORDS_SECONDS
    for tracker in trackers:
        tracker.wait(max(0.0, deadline - time.monotonic()))


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


def _place(workers: int) -> dict[str, Any]:
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    wide = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    precision = "bf16" if wide else "fp16" if torch.cuda.is_available() else "32 bit"
    return {"host": platform.node(), "pid": os.getpid(), "device": device, "precision": precision, "workers": workers}


class _MailboxReporter:
    """Reports to the mailbox; remembers how the last report was answered."""

    def __init__(self, mailbox: Any, turn: int) -> None:
        self._mailbox, self._turn = mailbox, turn
        self.status = "failed"

    def report(self, result: dict[str, Any]) -> bool:
        go_on = bool(ray.get(self._mailbox.report.remote(self._turn, result)))
        if result["last"]:
            self.status = "finished"
        elif not go_on:
            self.status = "interrupted" if ray.get(self._mailbox.closing.remote()) else "pruned"
        return go_on


def _run_job(taken: dict[str, Any], mailbox: Any, workshop: Any, rank: int) -> Tracker | None:
    """Train one job on this worker. A failure of the job's own is reported and leaves the slot well."""
    from trainables.tracking import RunSettings, Tracker, TrackingCallback
    from trainables.trial import Job, release, run_trial

    reporter = _MailboxReporter(mailbox, taken["turn"])
    tracker = Tracker(RunSettings(**taken["job"]["tracking"])) if rank == 0 and taken["job"].get("tracking") else None
    callbacks = [TrackingCallback(tracker)] if tracker else []
    engine = None
    try:
        job = Job.from_dict(taken["job"])
        engine = run_trial(job, reporter, workshop, callbacks)
    except Exception as error:
        if _lost_a_peer(error):
            raise
        _write_trace(taken["job"], traceback.format_exc())
        ray.get(mailbox.failed.remote(taken["turn"], _reason(error), traceback.format_exc()))
        if not _survivable(error):
            raise
    finally:
        if tracker:
            tracker.close({"status": reporter.status})
    release(engine)
    return tracker


def _reason(error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return first if type(error).__name__ == "TrialFailed" else f"{type(error).__name__}: {first}"


def _write_trace(job: dict[str, Any], trace: str) -> None:
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "error.txt").write_text(trace, encoding="utf-8")


def _survivable(error: BaseException) -> bool:
    """Whether this process can train the next trial after `error`.

    With several workers only what all of them raise together; after a CUDA fault other than a full memory the
    device answers nothing any more.
    """
    import torch

    from trainables.engine import TrialFailed

    if isinstance(error, TrialFailed | UserError):
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
