"""What a task is: how rows become tokens, tokens a loss, and an evaluation a score.

A task is one class, and one line in `trainables.tasks.registry`. It is made of its options, a plain dict that the
study works out once from its space and its training rows (`options`) and that every job and every exported folder
carries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from corpora.fingerprint import fingerprint
from corpora.tokenised import cached, open_table, values
from foundation.errors import UserError, nearest
from search_spaces.schema import Space
from trainables.tasks.prediction_format import PredictionFormat

Row = Mapping[str, str]


@dataclass(frozen=True)
class Limits:
    """Longest source and target in tokens, ends included; longer rows are cut and counted."""

    source: int
    target: int


@dataclass(frozen=True)
class Prepared:
    """A tokenised split: its table, and how many of its rows were cut to the limits."""

    folder: Path
    rows: int
    cut_sources: int
    cut_targets: int


@dataclass(frozen=True)
class BatchResult:
    """What one batch of an evaluation gave."""

    loss: float  # summed over what `counted` counts, without smoothing or weights
    counted: float  # tokens, or rows
    predictions: list[Any]  # one per row: text, probabilities by class, or a number
    sizes: list[int]  # generated tokens per row; 0 where nothing is generated


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found, on rank 0: predictions in row order, and what was counted."""

    predictions: list[Any]
    loss: float  # per token or row, without smoothing or weights
    generated_tokens: float  # mean per row
    seconds: float


#: (model outputs, labels) -> loss summed over everything that counts in the batch.
Criterion = Callable[[Any, torch.Tensor], torch.Tensor]

#: Token ids -> texts as they are scored.
Decode = Callable[[Sequence[Sequence[int]]], list[str]]


@dataclass(frozen=True)
class Task(ABC):
    """Base of all tasks; the fields of a subclass are its options."""

    #: As `task:` in a search space names it.
    name: ClassVar[str]
    #: Metric -> its own direction.
    directions: ClassVar[Mapping[str, str]]
    #: The metric that a search maximises or minimises unless told otherwise.
    usual_metric: ClassVar[str]
    #: Columns of a table that make a batch.
    columns: ClassVar[tuple[str, ...]]
    #: transformers' class that loads a model for it.
    auto_model: ClassVar[Any]
    #: Whether the model writes text, and so has decoding parameters.
    is_generative: ClassVar[bool] = False
    #: Parameters that it does not read -> the values that may stand there all the same.
    ignored_parameters: ClassVar[Mapping[str, Any]] = {}
    #: What the Hugging Face hub calls such models.
    tag: ClassVar[str]
    #: Python that reads the prediction from `logits`, for the model card; empty where text is generated.
    reading: ClassVar[str] = ""
    #: Fields of `PredictionFormat` that change how its predictions are written.
    output_options: ClassVar[tuple[str, ...]] = ()

    # ---- options

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """The task with `options`.

        Raises:
            UserError: an option that the task does not have.
        """
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UserError(f"{cls.name} has no option {name!r}", ", ".join(known) or "none", nearest(name, known))
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in options.items()})

    def to_options(self) -> dict[str, Any]:
        """Plain values that `from_options` takes back."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    @abstractmethod
    def learn(cls, space: Space, rows: Mapping[str, Sequence[Row]]) -> Self:
        """The task as a study has it, from its space and the rows of each split.

        Raises:
            UserError: rows that cannot be learned from.
        """

    @classmethod
    def split_by(cls, space: Space) -> tuple[str, ...]:
        """The roles that tell whether two rows are too alike to stand in two splits: one of their texts is the same."""
        return ("source",)

    @classmethod
    def has_classes(cls, space: Space) -> bool:
        """Whether targets are classes that are learned from the training rows."""
        return False

    def problems(self, split: str, rows: Sequence[Row]) -> list[UserError]:
        """What is wrong with the targets of rows that are to be scored by a trained model."""
        return []

    @property
    def scored_with(self) -> str:
        """What a score must never stand without: the name and version of its tokenizer, if it has one."""
        return ""

    def available_metrics(self) -> tuple[str, ...]:
        """The metrics that an evaluation with these options has."""
        return tuple(self.directions)

    @property
    def classes(self) -> tuple[str, ...]:
        """What every prediction is one of, in the order of their numbers; none where it is a number or free text."""
        return ()

    # ---- rows and tokens

    @abstractmethod
    def encode(self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int) -> dict[str, list[Any]]:
        """The columns that the model reads, cut to `limit` tokens, with `length` and `cut_source`."""

    @abstractmethod
    def targets(
        self, rows: Sequence[Row], tokenizer: PreTrainedTokenizerBase, limit: int, *, scored: bool
    ) -> dict[str, list[Any]]:
        """The columns `labels` and `cut_target`, and what scoring needs where the split is scored."""

    def prepare(
        self,
        rows: Sequence[Row],
        tokenizer: PreTrainedTokenizerBase,
        limits: Limits,
        cache: Path,
        *,
        scored: bool = True,
    ) -> Prepared:
        """Tokenise a split once; the same rows, tokenizer, limits and options find the same table again."""
        roles = ("source", "pair", "target")
        key = fingerprint(
            self.name,
            self.to_options(),
            [[row.get(role, "") for role in roles] for row in rows],
            _identity(tokenizer),
            [limits.source, limits.target],
            [self.scored_with, scored],
            4,  # of this function: what the columns mean
        )

        def make() -> dict[str, list[Any]]:
            return {
                **self.encode(rows, tokenizer, limits.source),
                **self.targets(rows, tokenizer, limits.target, scored=scored),
            }

        folder = cached(cache, key, make)
        table = open_table(folder)
        return Prepared(folder, len(table), sum(values(table, "cut_source")), sum(values(table, "cut_target")))

    # ---- model

    def model_options(self) -> dict[str, Any]:
        """Fields that the model's configuration needs for this task, such as its classes."""
        return {}

    def model_problem(self, config: Any) -> str:
        """Why a model of this configuration cannot do the task; empty if it can."""
        return ""

    # ---- training and evaluation

    @abstractmethod
    def collate(self, rows: Sequence[Mapping[str, Any]], model: PreTrainedModel) -> dict[str, torch.Tensor]:
        """Rows of a table as one padded batch; `labels` are -100 where nothing counts."""

    @abstractmethod
    def masked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The row with labels that count for nothing."""

    @abstractmethod
    def criterion(self, extra: Mapping[str, Any], smoothing: float, table: Any) -> Criterion:
        """The training loss.

        Args:
            own: kotune's own parameters, such as `class_weights`.
            smoothing: `label_smoothing_factor`.
            table: the training table.
        """

    @abstractmethod
    def evaluate(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> BatchResult:
        """Loss and predictions of one batch that `collate` made."""

    @abstractmethod
    def predict(
        self,
        model: PreTrainedModel,
        batch: Mapping[str, torch.Tensor],
        decode: Decode,
        decoding: GenerationConfig | None,
    ) -> list[Any]:
        """Predictions of one batch without labels, as `score`, `written` and `chosen` take them."""

    @abstractmethod
    def score(self, evaluation: Evaluation, table: Any) -> dict[str, float]:
        """Every metric of `directions` for predictions in the order of `table`."""

    # ---- predictions as people read them

    def written(self, prediction: Any, wanted: PredictionFormat) -> str:
        """One prediction in one cell or line."""
        return str(prediction)

    def chosen(self, prediction: Any) -> int:
        """The number of the class that a prediction says.

        Raises:
            LookupError: it says none.
        """
        raise LookupError(f"{self.name} has no classes")


def pad(rows: Sequence[Mapping[str, Sequence[int]]], pads: Mapping[str, int]) -> dict[str, torch.Tensor]:
    """The columns of `pads` as tensors of shape [rows, tokens], padded on the right to the longest of this batch.

    `attention_mask` comes with `input_ids`.
    """
    stack = torch.nn.utils.rnn.pad_sequence
    padded = {
        name: stack([torch.as_tensor(row[name]) for row in rows], batch_first=True, padding_value=value)
        for name, value in pads.items()
        if name in rows[0]
    }
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    padded["attention_mask"] = (torch.arange(padded["input_ids"].shape[1]) < lengths[:, None]).long()
    return padded


def _identity(tokenizer: PreTrainedTokenizerBase) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = backend.to_str() if backend is not None else ""
    return fingerprint(type(tokenizer).__name__, sorted(tokenizer.get_vocab().items()), rules)
