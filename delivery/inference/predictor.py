"""Exported models: rows in, predictions out in the same order, in batches, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import GenerationConfig
from transformers.utils import logging as transformers_logging

from corpora.filters import strip_row
from delivery.inference.rows import own_rows
from delivery.inference.settings import SETTINGS, ModelSettings, read_settings
from foundation.errors import COMMAND, UserError, first_line, raise_all
from trainables.models.hub import load_model, load_tokenizer
from trainables.tasks.registry import make_task
from trainables.tasks.task import Row, Task
from trainables.text.decoding import check_lengths, decoding_config
from trainables.training.parameters import split_parameters, value_problems

#: Batches of (position of the row, prediction).
Batches = Iterator[list[tuple[int, Any]]]


class Model(Protocol):
    """An exported model, or an ensemble of several.

    Attributes:
        members: The settings of each member; of a single model its own.
    """

    settings: ModelSettings
    members: Sequence[ModelSettings]
    task: Task
    tokenizer: Any

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Yields predictions in the form of the task: a text, the probabilities of the classes, or a number."""


class Predictor:
    """One exported model with its own decoding parameters.

    Args:
        device: Default: a GPU if there is one.
        decoding: Decoding parameters that replace the model's own.
        trust: Run the code that comes with the model.

    Raises:
        UserError: The folder holds no model that kotune exported, or a decoding parameter is invalid.
    """

    def __init__(
        self,
        folder: Path,
        device: str | None = None,
        decoding: Mapping[str, Any] | None = None,
        *,
        trust: bool = False,
    ) -> None:
        transformers_logging.set_verbosity_error()
        transformers_logging.disable_progress_bar()
        self.settings = read_settings(folder)
        self.members: Sequence[ModelSettings] = [self.settings]
        self.task = make_task(self.settings.task, self.settings.task_options)
        network: Any = load_model(str(folder), self.task.auto_model, trust=trust)
        labels, outputs = self.task.model_options().get("num_labels"), network.config.num_labels
        if labels is not None and labels != outputs:
            problem = f"{folder / SETTINGS} names {labels} classes, and the model beside it has {outputs}"
            raise UserError(problem, "both as export wrote them", f"{COMMAND} export STUDY writes them again")
        self.tokenizer = load_tokenizer(str(folder), is_generative=self.task.is_generative, trust=trust)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = network.to(self.device).eval()
        self._decoding = _decoding(self.task, self.model, decoding) if decoding else None
        self._decode = self.task.text_decoder(self.tokenizer)

    @torch.inference_mode()
    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Predicts the longest rows first, so that memory runs out early or never."""
        if self.settings.strip_whitespace:
            rows = [strip_row(row) for row in rows]
        columns = self.task.encode(rows, self.tokenizer, self.settings.limits)
        names = [name for name in self.task.columns if name in columns]
        order = sorted(range(len(rows)), key=lambda row: (-columns["length"][row], row))
        for start in range(0, len(order), batch_size):
            positions = order[start : start + batch_size]
            batch = self.task.collate([{name: columns[name][row] for name in names} for row in positions], self.model)
            batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
            predictions = self.task.predict(self.model, batch, self._decode, self._decoding)
            yield list(zip(positions, predictions, strict=True))


def _decoding(task: Task, model: Any, options: Mapping[str, Any]) -> GenerationConfig:
    settings = split_parameters(options)
    if not task.is_generative or settings.training or settings.model or settings.extra:
        allowed = "decoding parameters, such as num_beams and max_new_tokens, of a model that writes text"
        raise UserError(f"{', '.join(options)}: not an option of a trained model", allowed, "leave it out")
    raise_all(value_problems(options))
    try:
        config = decoding_config(model.generation_config, settings.generation)
    except ValueError as error:
        raise UserError(f"the decoding parameters do not fit together: {first_line(error)}") from error
    if options:
        check_lengths(config)
    return config


class Ensemble:
    """Several classifiers of the same classes; each prediction is the mean of their probabilities."""

    def __init__(
        self,
        folder: Path,
        members: Sequence[str],
        device: str | None = None,
        decoding: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = read_settings(folder)
        self._models = [Predictor(folder / member, device, decoding) for member in members]
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


def load_exported(
    folder: Path, device: str | None = None, decoding: Mapping[str, Any] | None = None, *, trust: bool = False
) -> Model:
    """Loads the model or the ensemble in `folder`.

    Args:
        device: Default: a GPU if there is one.
        decoding: Decoding parameters that replace the model's own.
        trust: Run the code that comes with the model.

    Raises:
        UserError: kotune did not export it.
    """
    members = read_settings(folder).members
    if members:
        return Ensemble(folder, members, device, decoding)
    return Predictor(folder, device, decoding, trust=trust)


def predict_all(
    model: Model, rows: Sequence[Row], batch_size: int, on_batch: Callable[[int], None] = lambda rows: None
) -> list[Any]:
    """Returns one prediction per row, in order.

    Args:
        on_batch: Called after each batch with its number of rows.
    """
    predictions: list[Any] = [None] * len(rows)
    for batch in model.predict(rows, batch_size):
        for position, prediction in batch:
            predictions[position] = prediction
        on_batch(len(batch))
    return predictions
