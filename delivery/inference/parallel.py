"""A model on several devices: one process per device; each takes the next rows when it is free."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from delivery.inference.options import NO_OPTIONS, ModelOptions
from delivery.inference.predictor import Batches, Model, open_model, predict_all
from foundation.errors import UserError
from trainables.tasks.task import Row

#: Batches that a device takes at a time: enough to keep it busy, few enough that all devices end together.
_BATCHES_AT_ONCE = 8

_model: Model  # of a worker process


def devices(workers: int | None) -> list[str]:
    """Returns the devices of `workers` processes; None: every GPU, or one process on the CPU.

    Raises:
        UserError: More workers than GPUs, or without GPUs more than CPU cores.
    """
    gpus = torch.cuda.device_count()
    if gpus == 0:
        cores = os.cpu_count() or 1
        if workers is not None and workers > cores:
            raise UserError(f"--workers {workers}", f"1 to {cores}: there are {cores} CPU cores", "leave it out")
        return ["cpu"] * (workers or 1)
    if workers is not None and workers > gpus:
        raise UserError(f"--workers {workers}", f"1 to {gpus}: there are {gpus} GPUs", "leave it out to use all")
    return [f"cuda:{number}" for number in range(workers or gpus)]


class Workers:
    """A model in several processes, each with its own device; it is a `Model`.

    Args:
        devices: One process is started for each.

    Raises:
        UserError: There is no such model, or an option does not fit it.
    """

    ahead = 1

    def __init__(self, folder: Path, devices: Sequence[str], options: ModelOptions = NO_OPTIONS) -> None:
        model = open_model(folder, "cpu", options)  # checks the folder before processes start
        self.settings, self.members, self.remarks = model.settings, model.members, model.remarks
        self.task, self.tokenizer = model.task, model.tokenizer
        self._folder, self._devices, self._options = folder, list(devices), options

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Returns batches of (position, prediction) in the order in which they are ready; the processes start at once.

        Raises:
            UserError: A process died.
        """
        # Long texts first: the rows of a batch have similar lengths, and the last batches are short.
        order = sorted(range(len(rows)), key=lambda row: (-len(rows[row]["source"]), row))
        size = batch_size * max(1, min(_BATCHES_AT_ONCE, -(-len(rows) // (batch_size * len(self._devices)))))
        shares = [order[start : start + size] for start in range(0, len(order), size)]
        try:
            return self._ready(
                {self._pool.submit(_predict, [rows[row] for row in share], batch_size): share for share in shares}
            )
        except BrokenProcessPool as error:
            raise _died() from error

    def _ready(self, pending: dict[Future[list[Any]], list[int]]) -> Batches:
        try:
            for ready in as_completed(pending):
                yield list(zip(pending[ready], ready.result(), strict=True))
        except BrokenProcessPool as error:
            raise _died() from error

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        """The processes, which end with the last reference to them."""
        context = multiprocessing.get_context("spawn")  # CUDA cannot be used after a fork
        free = context.SimpleQueue()
        for device in self._devices:
            free.put(device)
        threads = max(1, torch.get_num_threads() // len(self._devices))
        start = (str(self._folder), free, threads, self._options)
        return ProcessPoolExecutor(len(self._devices), context, _open, start)


def _died() -> UserError:
    return UserError(
        "a worker process died", "enough memory for each process", "a smaller --batch-size, or fewer --workers"
    )


def _open(folder: str, free: Any, threads: int, options: ModelOptions) -> None:
    global _model
    torch.set_num_threads(threads)
    _model = open_model(Path(folder), free.get(), options)


def _predict(rows: Sequence[Row], batch_size: int) -> list[Any]:
    return predict_all(_model, rows, batch_size)


def load_on_devices(folder: Path, workers: int | None, options: ModelOptions = NO_OPTIONS) -> Model:
    """Loads the model in `folder`: in this process for one device, else in one process per device.

    Raises:
        UserError: There is no such model, an option does not fit it, or there are fewer devices than `workers`.
    """
    names = devices(workers)
    if len(names) == 1:
        return open_model(folder, names[0], options)
    return Workers(folder, names, options)
