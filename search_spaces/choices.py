"""The values of every setting that is a choice. Schema, tables and messages elsewhere read these enums."""

from __future__ import annotations

from enum import StrEnum


class Runner(StrEnum):
    """Where trials run: in the slots of a Ray cluster, or one configuration in the process of the command."""

    RAY = "ray"
    LOCAL = "local"


class SamplerName(StrEnum):
    """Which Optuna sampler proposes configurations."""

    TPE = "tpe"
    RANDOM = "random"
    CMAES = "cmaes"
    GP = "gp"


class SchedulerName(StrEnum):
    """Which scheduler stops trials early."""

    ASHA = "asha"
    MEDIAN = "median"
    NONE = "none"


class Direction(StrEnum):
    """Whether a larger or a smaller value of the metric is better."""

    MAX = "max"
    MIN = "min"


class WandbMode(StrEnum):
    """Where W&B logs trials; `auto` is online if there is an API key, else offline."""

    AUTO = "auto"
    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


class Quoting(StrEnum):
    """What a quotation mark means in a CSV or TSV file; `auto` decides by the file name and the content."""

    AUTO = "auto"
    CSV = "csv"
    NONE = "none"


class BrokenRows(StrEnum):
    """What happens if a row of a data file cannot be used."""

    STOP = "stop"
    SKIP = "skip"


class RougeTokenizer(StrEnum):
    """The units that ROUGE and BLEU count: morphemes (Kiwi), words between blanks, or characters."""

    KIWI = "kiwi"
    WHITESPACE = "whitespace"
    SYLLABLE = "syllable"


class TokenizerKind(StrEnum):
    """What kind of tokenizer is trained for a model with fresh weights."""

    BPE = "bpe"
    WHITESPACE = "whitespace"
    MORPHEMES = "morphemes"


class ClassWeights(StrEnum):
    """How strongly rare classes count in the loss."""

    NONE = "none"
    BALANCED = "balanced"
    SQRT_BALANCED = "sqrt_balanced"


class RegressionLoss(StrEnum):
    """The loss of a regression."""

    MSE = "mse"
    L1 = "l1"
    HUBER = "huber"
