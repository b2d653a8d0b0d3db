"""An exported folder at work: rows in, predictions out in the same order, in batches, on a CPU or a GPU."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import GenerationConfig
from transformers.utils import logging as transformers_logging

from corpora.filters import stripped
from corpora.splits import Layout
from foundation.checked_json import COUNT, FLAG, OBJECT, TEXT, Kind, check_fields, maybe, read_object
from foundation.errors import COMMAND, UserError, first_line, raise_all
from foundation.safe_paths import check_exported
from trainables.models.hub import load_model, load_tokenizer
from trainables.tasks.registry import make_task
from trainables.tasks.task import Limits, Row, Task
from trainables.text.decoding import decoding_config
from trainables.training.parameters import split_parameters, value_problems

#: What kotune adds to an exported folder: the task, how inputs are read and cut, and where the model comes from.
SETTINGS = "kotune.json"

_TEXTS: Kind = (
    "a list of texts, none of them twice",
    lambda value: (
        isinstance(value, list) and all(isinstance(entry, str) for entry in value) and len({*value}) == len(value)
    ),
)
_FIELDS: dict[str, Kind] = {
    "study": TEXT,
    "task": TEXT,
    "task_options": OBJECT,
    "columns": OBJECT,
    "max_source_length": ("a whole number, at least 1", lambda value: COUNT[1](value) and value > 0),
    "file_labels": maybe(OBJECT),
    "strip_whitespace": FLAG,
    "summary": OBJECT,
}
_OPTIONAL = ("file_labels", "strip_whitespace", "summary")
_OPTIONS: dict[str, Kind] = {"labels": maybe(_TEXTS)}

#: Batches of (position, prediction).
Batches = Iterator[list[tuple[int, Any]]]


class Model(Protocol):
    """One exported model, or several that vote."""

    settings: dict[str, Any]
    task: Task
    tokenizer: Any

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Predictions, as the task has them: text, probabilities of the classes, or a number."""


def read_settings(folder: Path) -> dict[str, Any]:
    """What `export` wrote beside the model.

    Raises:
        UserError: kotune did not export this folder, or something in it leads out of it.
    """
    file = folder / SETTINGS
    if not os.path.isfile(file):  # a name without end is no file either
        raise UserError(
            f"{folder} holds no {SETTINGS}",
            "a folder written by export, such as runs/STUDY/best_model",
            f"check the path; {COMMAND} export STUDY writes one",
        )
    again = f"{COMMAND} export STUDY writes it again"
    settings = read_object(file, again)
    check_fields(settings, _FIELDS, str(file), again, optional=_OPTIONAL, more=True)
    check_fields(settings["task_options"], _OPTIONS, f"{file}, task_options", again, optional=_OPTIONS, more=True)
    members = settings.get("members") or []
    names = members if isinstance(members, list) else [members]
    check_exported(folder, SETTINGS, [settings.get("study"), *names])
    return settings


def layout_of(settings: dict[str, Any]) -> Layout:
    """How the files are written that the model was trained on."""
    columns = dict(settings["columns"])
    header = tuple(columns.pop("header", ()))
    quoting, broken = settings.get("quoting", "auto"), settings.get("broken_rows", "stop")
    return Layout(columns, header, quoting, broken, settings.get("file_labels"))


def limits_of(settings: dict[str, Any]) -> Limits:
    """Returns the longest source and target, in tokens, that the model was trained with."""
    source = int(settings["max_source_length"])
    return Limits(source, int(settings.get("max_target_length", source)))


class Predictor:
    """One exported model, its own decoding parameters included.

    Args:
        device: default: a GPU if there is one.
        decoding: decoding parameters that take the place of the model's own.
        trust: run the code that comes with the model.

    Raises:
        UserError: the folder holds no model that kotune exported, or the model cannot decode so.
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
        self.task = make_task(self.settings["task"], self.settings["task_options"])
        network: Any = load_model(str(folder), self.task.auto_model, trust=trust)
        wanted, there = self.task.model_options().get("num_labels"), network.config.num_labels
        if wanted is not None and wanted != there:
            given = f"{folder / SETTINGS} names {wanted} classes, and the model beside it has {there}"
            raise UserError(given, "both as export wrote them", f"{COMMAND} export STUDY writes them again")
        self.tokenizer = load_tokenizer(str(folder), is_generative=self.task.is_generative, trust=trust)
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = network.to(self.device).eval()
        self._decoding = _decoding(self.task, self.model, decoding) if decoding else None
        self._decode = self.task.text_decoder(self.tokenizer)

    @torch.inference_mode()
    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """The longest come first, so that memory runs out early or never."""
        columns = self.task.encode(rows, self.tokenizer, limits_of(self.settings))
        names = [name for name in self.task.columns if name in columns]
        order = sorted(range(len(rows)), key=lambda row: (-columns["length"][row], row))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            batch = self.task.collate([{name: columns[name][row] for name in names} for row in chosen], self.model)
            batch = {name: tensor.to(self.device) for name, tensor in batch.items()}
            found = self.task.predict(self.model, batch, self._decode, self._decoding)
            yield list(zip(chosen, found, strict=True))


def _decoding(task: Task, model: Any, given: Mapping[str, Any]) -> GenerationConfig:
    settings = split_parameters(given)
    if not task.is_generative or settings.training or settings.model or settings.extra:
        kind = "decoding parameters, such as num_beams and max_new_tokens, of a model that writes"
        raise UserError(f"{', '.join(given)}: nothing that a finished model can be told", kind, "leave it out")
    raise_all(value_problems(given))
    try:
        return decoding_config(model.generation_config, settings.generation)
    except ValueError as error:
        raise UserError(f"it cannot decode so: {first_line(error)}") from error


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
        self._members = [Predictor(folder / member, device, decoding) for member in members]
        self.task, self.tokenizer = self._members[0].task, self._members[0].tokenizer
        for name, member in zip(members, self._members, strict=True):
            if member.task != self.task:
                given = f"{folder / name / SETTINGS}: other classes than those of {members[0]}"
                raise UserError(given, "members of the same classes", "put the ensemble together again")

    def predict(self, rows: Sequence[Row], batch_size: int) -> Batches:
        earlier: list[list[Any]] = [[] for _ in rows]
        for member in self._members[:-1]:
            for position, prediction in (pair for batch in member.predict(rows, batch_size) for pair in batch):
                earlier[position].append(prediction)
        for batch in self._members[-1].predict(rows, batch_size):
            yield [(position, self.task.combine([*earlier[position], prediction])) for position, prediction in batch]


def open_model(
    folder: Path, device: str | None = None, decoding: Mapping[str, Any] | None = None, *, trust: bool = False
) -> Model:
    """The model in `folder`, or the ensemble.

    Args:
        device: default: a GPU if there is one.
        decoding: decoding parameters that take the place of the model's own.
        trust: run the code that comes with the model.

    Raises:
        UserError: kotune did not export it.
    """
    members = read_settings(folder).get("members")
    if members:
        return Ensemble(folder, members, device, decoding)
    return Predictor(folder, device, decoding, trust=trust)


def predict_all(
    model: Model, rows: Sequence[Row], batch_size: int, done: Callable[[int], None] = lambda rows: None
) -> list[Any]:
    """One prediction per row, in order.

    Args:
        done: is told of every batch how many rows it had.
    """
    found: list[Any] = [None] * len(rows)
    if model.settings.get("strip_whitespace"):
        rows = [stripped(row) for row in rows]
    for batch in model.predict(rows, batch_size):
        for position, prediction in batch:
            found[position] = prediction
        done(len(batch))
    return found
