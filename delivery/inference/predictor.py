"""Models: rows in, predictions out in the same order, in batches, on a CPU or a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from corpora.filters import strip_row
from corpora.splits import Split
from delivery.inference.loading import LoadedModel, check_task, load
from delivery.inference.options import NO_OPTIONS, ModelOptions, change_settings
from delivery.inference.rows import own_rows
from delivery.inference.settings import SETTINGS, ModelSettings, has_settings, read_settings
from foundation.errors import UserError
from trainables.models.load_errors import ALL_FILES, load_errors
from trainables.models.tokenizer_checks import check_texts
from trainables.tasks.task import Row, Task

#: Batches of (position of the row, prediction).
Batches = Iterator[list[tuple[int, Any]]]


class Model(Protocol):
    """A trained model, or an ensemble of several.

    Attributes:
        members: The settings of each member; of a single model its own.
        remarks: What the user should know about a model that kotune did not export.
        ahead: Number of calls of `predict` that should be started before the oldest is used up.
    """

    ahead: int
    settings: ModelSettings
    members: Sequence[ModelSettings]
    remarks: Sequence[str]
    task: Task
    tokenizer: Any

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Yields predictions in the form of the task: a text, the probabilities of the classes, or a number."""


class Predictor:
    """One model with its own decoding parameters.

    Args:
        device: Default: a GPU if there is one.
    """

    ahead = 0

    def __init__(self, loaded: LoadedModel, device: str | None = None) -> None:
        self.settings, self.task, self.tokenizer = loaded.settings, loaded.task, loaded.tokenizer
        self.members: Sequence[ModelSettings] = [loaded.settings]
        self.remarks: Sequence[str] = loaded.remarks
        self._source = loaded.source
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = loaded.model.to(self.device).eval()
        with self._errors():
            self._decode = self.task.text_decoder(self.tokenizer)

    def _errors(self) -> AbstractContextManager[None]:
        return load_errors(f"model {self._source!r} cannot read a text", self._source, ALL_FILES)

    @torch.inference_mode()
    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Predicts the longest rows first, so that memory runs out early or never."""
        if self.settings.strip_whitespace:
            rows = [strip_row(row) for row in rows]
        with self._errors():
            columns = self.task.encode(rows, self.tokenizer, self.settings.limits)
        names = [name for name in self.task.columns if name in columns]
        order = sorted(range(len(rows)), key=lambda row: (-columns["length"][row], row))
        for start in range(0, len(order), batch_size):
            positions = order[start : start + batch_size]
            with self._errors():
                features = [{name: columns[name][row] for name in names} for row in positions]
                batch = self.task.collate(features, self.model)
                batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
                predictions = self.task.predict(self.model, batch, self._decode, None)
            yield list(zip(positions, predictions, strict=True))


class Ensemble:
    """Several classifiers of the same classes; each prediction is the mean of their probabilities."""

    ahead = 0

    def __init__(
        self,
        folder: Path,
        members: Sequence[str],
        device: str | None = None,
        options: ModelOptions = NO_OPTIONS,
    ) -> None:
        self.settings, _ = change_settings(read_settings(folder), options)
        own = ModelOptions(trust=options.trust)
        self._models = [Predictor(load(folder / member, own), device) for member in members]
        self.remarks: Sequence[str] = ()
        self.members: Sequence[ModelSettings] = [model.settings for model in self._models]
        self.task, self.tokenizer = self._models[0].task, self._models[0].tokenizer
        for name, member in zip(members, self._models, strict=True):
            if member.task != self.task:
                problem = f"{folder / name / SETTINGS}: other classes than those of {members[0]}"
                raise UserError(problem, "members of the same classes", "create the ensemble again")

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Yields the combined predictions of the members, in the batches of the last one."""
        earlier: list[list[Any]] = [[] for _ in rows]
        *others, last = [model.predict(own_rows(rows, number), batch_size) for number, model in enumerate(self._models)]
        for batches in others:
            for position, prediction in (pair for batch in batches for pair in batch):
                earlier[position].append(prediction)
        for batch in last:
            yield [(position, self.task.combine([*earlier[position], prediction])) for position, prediction in batch]


def open_model(folder: Path, device: str | None = None, options: ModelOptions = NO_OPTIONS) -> Model:
    """Loads the model or the ensemble in `folder`, or the pretrained model of a hub id.

    Args:
        device: Default: a GPU if there is one.

    Raises:
        UserError: There is no such model, or an option does not fit it.
    """
    check_task(folder, options)
    members = read_settings(folder).members if has_settings(folder) else None
    return Ensemble(folder, members, device, options) if members else Predictor(load(folder, options), device)


def predict_all(
    model: Model, rows: Sequence[Row], batch_size: int, on_batch: Callable[[int], None] = lambda rows: None
) -> list[Any]:
    """Returns one prediction per row, in order.

    Args:
        on_batch: Called after each batch with its number of rows.
    """
    return collected(model.predict(rows, batch_size), len(rows), on_batch)


def collected(batches: Batches, rows: int, on_batch: Callable[[int], None] = lambda rows: None) -> list[Any]:
    """Returns the predictions of `rows` rows in the order of the rows; see `predict_all`."""
    predictions: list[Any] = [None] * rows
    for batch in batches:
        for position, prediction in batch:
            predictions[position] = prediction
        on_batch(len(batch))
    return predictions


def predict_with_bar(model: Model, rows: Sequence[Row], batch_size: int, name: str) -> list[Any]:
    """Returns one prediction per row, in order, and counts the rows in a bar on a terminal."""
    with bar_of(name, len(rows)) as advance:
        return predict_all(model, rows, batch_size, advance)


@contextmanager
def bar_of(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar on a terminal, and yields the function that says how many rows more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.advance(task, done)


def report_fit(model: Model, folder: Path, options: ModelOptions, split: Split | None = None) -> None:
    """Prints what the user should know about a model that kotune did not export, on standard error.

    Args:
        folder: The model's folder or hub id.
        split: The rows that it will read; None if they come one by one.

    Raises:
        UserError: Its tokenizer does not know most of the texts.
    """
    if model.settings.study:
        return
    lines = [*model.remarks]
    if split is not None:
        source, texts = options.tokenizer or str(folder), {Path(split.path).name: split.rows}
        lines += check_texts(texts, model.task, model.tokenizer, model.settings.limits, source, is_learned=False)
    for line in lines:
        print(line, file=sys.stderr)
