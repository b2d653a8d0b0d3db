"""The interface of a task: how rows become tokens, tokens a loss, and predictions scores and text.

A task is one class and one line in `trainables.tasks.registry`. Its fields are its options, which a study determines
once from its search space and its training rows; every job and every exported folder carries them as a plain dict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.fingerprint import fingerprint
from corpora.references import targets_of
from corpora.tokenised import cached, open_table, values
from foundation.checked_json import JsonObject, convert_json
from foundation.errors import UserError, nearest
from search_spaces.schema import Space
from trainables.tasks.confusion import ConfusionMatrix
from trainables.tasks.evaluation import BatchResult, Evaluation
from trainables.tasks.metric import Metric, compute_all
from trainables.tasks.prediction_format import PredictionFormat
from trainables.text.encoding import TextDecoder, text_decoder, tokenizer_state

#: Role (`id`, `source`, `pair`, `target`) -> text.
Row = Mapping[str, str]

#: Column -> value, of one row of a tokenised table.
TableRow = dict[str, Any]

#: (model outputs, labels) -> loss, summed over everything that counts in the batch.
Criterion = Callable[[Any, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Limits:
    """Longest source and target in tokens, end tokens included; longer rows are truncated and counted."""

    source: int
    target: int


@dataclass(frozen=True)
class TokenisedSplit:
    """The table of a split, and how many of its rows were truncated to the limits."""

    folder: Path
    rows: int
    cut_sources: int
    cut_targets: int


@dataclass(frozen=True)
class Task(ABC):
    """Base class of all tasks; the fields of a subclass are its options."""

    #: The value of `task:` in a search space.
    name: ClassVar[str]
    #: The metrics of an evaluation; the first one is the default objective of a search.
    metrics: ClassVar[tuple[Metric, ...]]
    #: Columns of a table that make a batch.
    columns: ClassVar[tuple[str, ...]]
    #: The auto class of transformers that loads a model for the task.
    auto_model: ClassVar[Any]
    #: Whether the model generates text, and so has decoding parameters.
    is_generative: ClassVar[bool] = False
    #: Roles whose texts a new tokenizer is trained on.
    tokenizer_roles: ClassVar[tuple[str, ...]] = ("source", "pair")
    #: Parameters that the task does not read -> the values that are allowed nevertheless.
    ignored_parameters: ClassVar[Mapping[str, Any]] = {}
    #: The tag of such models on the Hugging Face hub.
    pipeline_tag: ClassVar[str]
    #: Python expression for the model card that reads the prediction from `logits`; empty if text is generated.
    logits_expression: ClassVar[str] = ""
    #: Fields of `PredictionFormat` that change how predictions are written.
    output_options: ClassVar[tuple[str, ...]] = ()
    #: Whether an ensemble can `combine` predictions.
    supports_ensembles: ClassVar[bool] = False

    # ---- metrics

    def available_metrics(self) -> tuple[Metric, ...]:
        """Returns the metrics that an evaluation with these options has."""
        return self.metrics

    @property
    def metric_tokenizer(self) -> str:
        """Name and version of the tokenizer that metrics are counted with; empty if none is."""
        return ""

    # ---- options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], origin: str = "task_options") -> Self:
        """Returns the task with `options`, which were read from `origin`.

        Raises:
            UserError: an option that the task does not have, or a value of another type.
        """
        names = [field.name for field in fields(cls)]
        for name in options:
            if name not in names:
                raise UserError(f"{cls.name} has no option {name!r}", ", ".join(names) or "none", nearest(name, names))
        return convert_json(dict(options), cls, origin, "put the file back from a copy")

    def to_options(self) -> JsonObject:
        """Returns plain values that `from_options` reads."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    @abstractmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        """Returns the task of a study, with options from its search space and the rows of each split.

        Raises:
            UserError: no model can be trained on these rows.
        """

    @classmethod
    def of_model(cls, space: Space, config: Any) -> Self:
        """Returns the task of the space's model, which was trained outside kotune, from its configuration `config`.

        Raises:
            UserError: the model is not trained for the task.
        """
        problem = f"model {space.model!r} was not trained by kotune"
        todo = f"train it with --set task={cls.name}, export the study and give the exported folder"
        raise UserError(problem, f"a model for {cls.name} that kotune exported", todo)

    @classmethod
    def split_by(cls, space: Space) -> tuple[str, ...]:
        """Returns the roles of a row whose texts must not be in two splits: both texts of a pair."""
        is_compared = space.columns.pair is not None and space.data.split_version > 1
        return ("source", "pair") if is_compared else ("source",)

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        """Returns whether the targets are classes, learned from the training rows."""
        return False

    def target_problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        """Returns what is wrong with the targets of rows that a trained model is to be scored on."""
        return []

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of predictions, in the order of their numbers; empty if a prediction is not one class."""
        return ()

    # ---- rows and tokens

    @abstractmethod
    def encode(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits
    ) -> Mapping[str, list[Any]]:
        """Returns the columns that the model reads, truncated to the limits, with `length` and `cut_source`."""

    @abstractmethod
    def encode_targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limits: Limits, *, scored: bool
    ) -> Mapping[str, list[Any]]:
        """Returns the columns `labels` and `cut_target`, and with `scored` those that `scoring_inputs` reads."""

    def prepare(
        self,
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
        cache: Path,
        *,
        scored: bool = True,
    ) -> TokenisedSplit:
        """Tokenises a split once: the same rows, tokenizer, limits and options return the same table from the cache."""
        roles = ("source", "pair", "target")
        key = fingerprint(
            self.name,
            self.to_options(),
            [[row.get(role, "") for role in roles] for row in rows],
            tokenizer_state(tokenizer),
            [limits.source, limits.target],
            [self.metric_tokenizer, scored],
            *([targets_of(row)[1:] for row in rows] if any("target_2" in row for row in rows) else []),
            4,  # version of the columns' meaning: increase it when `encode` or `encode_targets` change
        )

        def make() -> dict[str, list[Any]]:
            return {
                **self.encode(rows, tokenizer, limits),
                **self.encode_targets(rows, tokenizer, limits, scored=scored),
            }

        folder = cached(cache, key, make)
        table = open_table(folder)
        return TokenisedSplit(folder, len(table), sum(values(table, "cut_source")), sum(values(table, "cut_target")))

    def text_decoder(self, tokenizer: PreTrainedTokenizerBase) -> TextDecoder:
        """Returns the function that turns token ids into the text that is scored and written."""
        return text_decoder(tokenizer)

    # ---- model

    def model_options(self) -> Mapping[str, Any]:
        """Returns fields of the model's configuration that the task sets, such as its classes."""
        return {}

    def model_problem(self, config: Any) -> str:
        """Returns why a model of this configuration cannot do the task; empty if it can."""
        return ""

    # ---- training and evaluation

    @abstractmethod
    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        """Returns rows of a table as one padded batch; `labels` are -100 at positions that do not count."""

    @abstractmethod
    def mask_labels(self, row: Mapping[str, Any]) -> TableRow:
        """Returns the row with labels that do not count."""

    @abstractmethod
    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        """Returns the training loss.

        Args:
            extra: kotune's own parameters, such as `class_weights`.
            smoothing: `label_smoothing_factor`.
            table: the training table.
        """

    @abstractmethod
    def evaluate(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        """Returns loss and predictions of one batch that `collate` made.

        Args:
            decoding: the trial's decoding parameters; None: the model's own.
        """

    @abstractmethod
    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: TextDecoder,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        """Returns one prediction per row of a batch without labels, of the same kind as in `evaluate`."""

    @abstractmethod
    def scoring_inputs(self, evaluation: Evaluation, table: Any) -> Any:
        """Returns what `Metric.compute` of the task's metrics reads.

        Args:
            evaluation: its predictions are in the order of `table`.
            table: a table with the columns of `encode_targets`.
        """

    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        """Returns every available metric of an evaluation."""
        return compute_all(self.available_metrics(), self.scoring_inputs(evaluation, table))

    def confusion(self, rows: Sequence[Row], predictions: Sequence[Any]) -> ConfusionMatrix | None:
        """Returns the confusion matrix of predictions for rows with targets; None if predictions have no classes."""
        return None

    def combine(self, predictions: Sequence[Any]) -> Any:
        """Returns an ensemble's prediction for one row from those of its members; only if `supports_ensembles`."""
        raise NotImplementedError(f"{self.name} has no ensembles")

    # ---- predictions as text

    def format_prediction(self, prediction: Any, options: PredictionFormat) -> str:
        """Returns one prediction as text."""
        return str(prediction)

    def output_columns(self, target: str, options: PredictionFormat) -> list[str]:
        """Returns the names of the columns of a table of predictions; `target` is the name of the first one."""
        return [target]

    def output_cells(self, prediction: Any, options: PredictionFormat) -> list[str]:
        """Returns one prediction as the cells of `output_columns`."""
        return [self.format_prediction(prediction, options)]

    def output_line(self, prediction: Any, text: str, options: PredictionFormat) -> str:
        """Returns one prediction for a line of input: the prediction, a tab and the line."""
        return f"{self.format_prediction(prediction, options)}\t{text}"
