"""The schema of a resolved search space: every key with its unit, its default and its reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from typing import Annotated, Any, get_args, get_type_hints

from search_spaces.choices import (
    SPLIT_VERSION,
    BrokenRows,
    Direction,
    Quoting,
    ReferenceScores,
    RougeTokenizer,
    Runner,
    SamplerName,
    SchedulerName,
    Tracking,
    WandbMode,
)
from search_spaces.ranges import Range
from search_spaces.readers import (
    Reader,
    choice,
    database,
    duration,
    flag,
    optional,
    path,
    prefix,
    real,
    renamed,
    share,
    text,
    text_or_texts,
    texts,
    whole,
    whole_or_range,
)
from search_spaces.values import RawMapping, parse_duration

__all__ = ["READERS", "SECTIONS", "Space", "parse_duration"]

# Each Annotated carries the reader of the value. This is the only list of keys.


@dataclass(frozen=True)
class Columns:
    """Column names in the user's files."""

    id: Annotated[str | None, optional(text())] = "id"
    source: Annotated[str, text()] = "source"
    pair: Annotated[str | None, optional(text())] = None  # a second text, encoded together with the first
    target: Annotated[str | tuple[str, ...], text_or_texts()] = "target"  # of a list, a file uses those that it has
    header: Annotated[tuple[str, ...], texts()] = ()  # column names of files without a header line

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns; several are references of the same row."""
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def by_role(self) -> dict[str, str | None]:
        """Role -> column, with the first target column."""
        return {"id": self.id, "source": self.source, "pair": self.pair, "target": self.targets[0]}


@dataclass(frozen=True)
class Scheduler:
    """When trials are compared and the worst are stopped, in epochs."""

    name: Annotated[SchedulerName, choice(SchedulerName)] = SchedulerName.ASHA
    grace: Annotated[float, real(at_least=1e-6)] = 1.0  # epochs before any trial can be stopped
    reduction_factor: Annotated[float, real(above=1)] = 3.0  # ASHA keeps one in so many trials at each rung
    max: Annotated[float | None, optional(real(above=0))] = None  # epochs; None: num_train_epochs


@dataclass(frozen=True)
class Sampler:
    """How the next configuration is proposed."""

    name: Annotated[SamplerName, choice(SamplerName)] = SamplerName.TPE
    startup_trials: Annotated[int, whole(at_least=1)] = 10  # random trials before the sampler learns from them
    repeats: Annotated[int, whole(at_least=1)] = 1  # trials of each configuration, each with its own seed

    def repeat_of(self, number: int) -> int:
        """Returns how often the configuration of trial `number` has been trained before it."""
        return number % self.repeats


@dataclass(frozen=True)
class Budget:
    """Limits of the search; the first one that is reached ends it."""

    trials: Annotated[int, whole(at_least=1, at_most=1_000_000)] = 20
    time: Annotated[float | None, optional(duration())] = None  # seconds; None: no limit
    max_failures: Annotated[int, whole(at_least=1)] = 3  # the search stops if this many first trials all fail


@dataclass(frozen=True)
class Slots:
    """Resources of one trial, and how many trials run in parallel; None: chosen at the start."""

    count: Annotated[int | str | None, optional(whole_or_range(at_least=1))] = None  # MIN:MAX follows the cluster
    workers_per_trial: Annotated[int, whole(at_least=1)] = 1
    gpus_per_worker: Annotated[float | None, optional(real(at_least=0))] = None
    cpus_per_worker: Annotated[float | None, optional(real(at_least=0.1))] = None
    hang: Annotated[float, duration()] = 1800.0  # seconds without a step after which a slot is replaced


@dataclass(frozen=True)
class Wandb:
    """The W&B runs of trials, unless `tracking` is tensorboard or none."""

    mode: Annotated[WandbMode, choice(WandbMode)] = WandbMode.AUTO
    project: Annotated[str, text()] = "kotune"
    entity: Annotated[str | None, optional(text())] = None
    tags: Annotated[tuple[str, ...], texts()] = ()


@dataclass(frozen=True)
class Checkpoints:
    """Checkpoints that the whole study keeps on disk."""

    keep_best: Annotated[int, whole(at_least=1)] = 3


@dataclass(frozen=True)
class Data:
    """The user's files, or the data that kotune ships."""

    train: Annotated[str | None, optional(path())] = None
    dev: Annotated[str | None, optional(path())] = None
    test: Annotated[str | None, optional(path())] = None
    embedded: Annotated[bool, flag()] = False
    dev_share: Annotated[float, share()] = 0.1  # share of the training rows, if there is no dev file
    split_version: Annotated[int, whole(at_least=1, at_most=SPLIT_VERSION)] = SPLIT_VERSION  # how texts are compared
    quoting: Annotated[Quoting, choice(Quoting)] = Quoting.AUTO
    broken_rows: Annotated[BrokenRows, choice(BrokenRows)] = (
        BrokenRows.STOP
    )  # rows that cannot be read; skipped ones are counted
    rows: Annotated[int | None, optional(whole(at_least=1))] = None  # of each split, for a debug run; None: all
    labels: Annotated[dict[str, str] | None, optional(renamed())] = None  # target in the files -> label that is learned


@dataclass(frozen=True)
class Filters:
    """Filters of training rows; null switches a filter off. Lengths are in characters."""

    strip_whitespace: Annotated[bool, flag()] = False
    min_length: Annotated[int | None, optional(whole(at_least=1))] = None
    max_length: Annotated[int | None, optional(whole(at_least=1))] = None
    min_target_length: Annotated[int | None, optional(whole(at_least=1))] = None
    max_target_length: Annotated[int | None, optional(whole(at_least=1))] = None
    max_token_repeats: Annotated[int | None, optional(whole(at_least=1))] = None  # of one word in a target
    max_ngram_repeats: Annotated[int | None, optional(whole(at_least=1))] = None
    ngram: Annotated[int, whole(at_least=1)] = 3
    drop_patterns: Annotated[tuple[str, ...], texts()] = ()  # regular expressions, on source and target
    drop_duplicates: Annotated[bool, flag()] = False
    sample: Annotated[int | None, optional(whole(at_least=1))] = None  # number of rows, drawn with the study's seed


@dataclass(frozen=True)
class Space:
    """What to search, on which data, for how long. Equal spaces have equal `to_dict()`."""

    name: Annotated[str, text()] = "space"
    task: Annotated[str, text()] = "summarisation"
    architecture: Annotated[str, text()] = "bart"  # of scratch:SIZE
    model: Annotated[str, text()] = "digit82/kobart-summarization"  # a hub name, a folder, or scratch:SIZE
    tokenizer: Annotated[str | None, optional(text())] = None  # None: the model's, or trained on the training split
    trust_remote_code: Annotated[bool, flag()] = False  # run the code that comes with the model; read it first
    metric: Annotated[str | None, optional(text())] = None  # None: the task's default
    mode: Annotated[Direction | None, optional(choice(Direction))] = None  # None: the metric's own direction
    columns: Columns = field(default_factory=Columns)
    max_source_length: Annotated[int, whole(at_least=1)] = 512  # tokens
    max_target_length: Annotated[int, whole(at_least=1)] = 100  # tokens
    source_prefix: Annotated[str | None, optional(prefix())] = None  # before every source, such as T5's "summarize: "
    source_language: Annotated[str | None, optional(text())] = None  # of mBART, NLLB and M2M-100; None: the tokenizer's
    target_language: Annotated[str | None, optional(text())] = None  # codes of the tokenizer: ko_KR, kor_Hang, ko
    special_tokens: Annotated[tuple[str, ...], texts()] = ()  # never split by the tokenizer
    remove_tokens: Annotated[tuple[str, ...], texts()] = ()  # removed from generated texts
    rouge_tokenizer: Annotated[RougeTokenizer, choice(RougeTokenizer)] = RougeTokenizer.KIWI
    reference_scores: Annotated[ReferenceScores, choice(ReferenceScores)] = ReferenceScores.MEAN
    rdass_encoder: Annotated[str | None, optional(text())] = None  # a sentence encoder: hub id or folder
    correct_labels: Annotated[bool, flag()] = False  # a generated text becomes the nearest label
    decimals: Annotated[int | None, optional(whole(at_least=0, at_most=12))] = None  # of a written number
    eval_every: Annotated[float, real(at_least=1e-6)] = 1.0  # epochs; a fraction is allowed
    seed: Annotated[int, whole(at_least=0, at_most=2**32 - 1)] = 42  # numpy takes 32 bits
    fixed: dict[str, Any] = field(default_factory=dict)
    search: dict[str, Range] = field(default_factory=dict)  # a parameter follows those in its `when`
    unset_defaults: Annotated[tuple[str, ...], texts()] = ()  # searched parameters whose default is only a middle
    scheduler: Scheduler = field(default_factory=Scheduler)
    sampler: Sampler = field(default_factory=Sampler)
    budget: Budget = field(default_factory=Budget)
    slots: Slots = field(default_factory=Slots)
    runner: Annotated[Runner, choice(Runner)] = Runner.RAY  # local: one configuration, in this process, without Ray
    optuna_storage: Annotated[str | None, optional(database())] = None  # URL of a database; None: a file of the study's
    optuna_study: Annotated[str | None, optional(text())] = None  # its name there; None: a new one
    tracking: Annotated[Tracking, choice(Tracking)] = Tracking.WANDB
    wandb: Wandb = field(default_factory=Wandb)
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    data: Data = field(default_factory=Data)
    filters: Filters = field(default_factory=Filters)
    sample: Annotated[str, text()] = "dialogues"  # the embedded data, if there is no file

    @property
    def default_name(self) -> str:
        """What trial 0 is called: it is the recipe default only if the space has a value for every parameter."""
        return "middle of the ranges" if self.unset_defaults else "recipe default"

    def to_dict(self) -> RawMapping:
        """Returns plain values for YAML and JSON, which `from_dict` reads back to an equal space."""
        plain = {item.name: _plain(getattr(self, item.name)) for item in fields(self)}
        return {**plain, "search": {name: searched.to_dict() for name, searched in self.search.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value  # PyYAML refuses to write enums
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def _readers() -> tuple[dict[str, Reader], dict[str, tuple[str, ...]]]:
    readers: dict[str, Reader] = {}
    sections: dict[str, tuple[str, ...]] = {}
    for name, hint in get_type_hints(Space, include_extras=True).items():
        if is_dataclass(hint):
            inside = get_type_hints(hint, include_extras=True)
            sections[name] = tuple(inside)
            readers |= {f"{name}.{key}": get_args(item)[1] for key, item in inside.items()}
        elif name not in ("fixed", "search"):
            readers[name] = get_args(hint)[1]
    return readers, sections


READERS, SECTIONS = _readers()  # "seed" and "budget.trials" → reader; "budget" → its keys
