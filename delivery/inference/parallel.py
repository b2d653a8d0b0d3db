"""One exported model on several devices: a process for each, rows dealt as they come free, answers put in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from delivery.inference.predictor import Batches, Model, open_model, predict_all
from foundation.errors import UserError
from trainables.tasks.task import Row

#: Batches that a device takes at once: enough to keep it at work, few enough that all end together.
_BATCHES_AT_ONCE = 8

_model: Model  # of a worker process


def devices(workers: int | None) -> list[str]:
    """The devices that `workers` processes use; None: every GPU, or one process on the CPU.

    Raises:
        UserError: more workers than GPUs, where there are GPUs.
    """
    gpus = torch.cuda.device_count()
    if gpus == 0:
        return ["cpu"] * (workers or 1)
    if workers is not None and workers > gpus:
        raise UserError(f"--workers {workers}", f"1 to {gpus}: there are {gpus} GPUs", "leave it out to use all")
    return [f"cuda:{number}" for number in range(workers or gpus)]


class Workers:
    """A model in several processes, each with a device of its own; a `Model` like any other.

    Args:
        devices: one process for each.

    Raises:
        UserError: the folder holds no model that kotune exported.
    """

    def __init__(
        self, folder: Path, devices: Sequence[str], decoding: Mapping[str, Any] | None = None, *, trust: bool = False
    ) -> None:
        here = open_model(folder, "cpu", decoding, trust=trust)  # what rows and answers mean
        self.settings, self.task, self.tokenizer = here.settings, here.task, here.tokenizer
        self._folder, self._devices, self._decoding, self._trust = folder, list(devices), decoding, trust

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Batches of (position, prediction), as they are ready.

        Raises:
            UserError: a process died.
        """
        # Long texts first: rows of a batch are alike, and no long one is left to the end.
        order = sorted(range(len(rows)), key=lambda row: (-len(rows[row]["source"]), row))
        size = batch_size * max(1, min(_BATCHES_AT_ONCE, -(-len(rows) // (batch_size * len(self._devices)))))
        shares = [order[start : start + size] for start in range(0, len(order), size)]
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        free = context.SimpleQueue()
        for device in self._devices:
            free.put(device)
        threads = max(1, torch.get_num_threads() // len(self._devices))
        start = (str(self._folder), free, threads, self._decoding, self._trust)
        with ProcessPoolExecutor(len(self._devices), context, _open, start) as pool:
            waiting: dict[Future[list[Any]], list[int]] = {
                pool.submit(_predict, [rows[row] for row in share], batch_size): share for share in shares
            }
            try:
                for ready in as_completed(waiting):
                    yield list(zip(waiting[ready], ready.result(), strict=True))
            except BrokenProcessPool as error:
                todo = "a smaller --batch-size, or fewer --workers"
                raise UserError("a worker process ended before its work", "enough memory for each", todo) from error


def _open(folder: str, free: Any, threads: int, decoding: Mapping[str, Any] | None, trust: bool) -> None:
    global _model
    torch.set_num_threads(threads)
    _model = open_model(Path(folder), free.get(), decoding, trust=trust)


def _predict(rows: Sequence[Row], batch_size: int) -> list[Any]:
    return predict_all(_model, rows, batch_size)


def open_on(
    folder: Path, workers: int | None, decoding: Mapping[str, Any] | None = None, *, trust: bool = False
) -> Model:
    """The model in `folder`, in this process where one device serves, else in one process per device.

    Args:
        decoding: decoding parameters that take the place of the model's own.
        trust: run the code that comes with the model.

    Raises:
        UserError: kotune did not export it, or there are not so many devices.
    """
    found = devices(workers)
    if len(found) == 1:
        return open_model(folder, found[0], decoding, trust=trust)
    return Workers(folder, found, decoding, trust=trust)
