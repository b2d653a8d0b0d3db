"""The values of every setting that is a choice. Schema, tables and messages elsewhere read these enums."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

#: How texts are compared when a dev split is cut: the version of new studies. 1: of studies made before.
SPLIT_VERSION = 2


class Option(StrEnum):
    """The base class of all choices: an option reads as its text in messages and in seeds, as before it had a type."""

    def __repr__(self) -> str:
        return repr(self.value)

    @property
    def needs(self) -> str:
        """What a study must have for this option; empty if it works in every study."""
        return ""


def options_text(options: Iterable[str]) -> str:
    """Returns options for a message, each with what it needs: `tpe, gp (with scheduler none)`."""
    needs = {option: option.needs if isinstance(option, Option) else "" for option in options}
    return ", ".join(f"{option} (with {needed})" if needed else str(option) for option, needed in needs.items())


class Runner(Option):
    """Where trials run: in the slots of a Ray cluster, or one configuration in the process of the command."""

    RAY = "ray"
    LOCAL = "local"

    @property
    def needs(self) -> str:
        return "one configuration" if self is Runner.LOCAL else ""


class SamplerName(Option):
    """Which Optuna sampler proposes configurations."""

    TPE = "tpe"
    RANDOM = "random"
    CMAES = "cmaes"
    GP = "gp"
    GRID = "grid"

    @property
    def needs(self) -> str:
        needs = {SamplerName.GP: "scheduler none", SamplerName.GRID: "whole numbers and choices only"}
        return needs.get(self, "")


class ExportFormat(Option):
    """The number format of exported weights. Trials are trained and scored in float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class SchedulerName(Option):
    """Which scheduler stops trials early."""

    ASHA = "asha"
    MEDIAN = "median"
    NONE = "none"


class Direction(Option):
    """Whether a larger or a smaller value of the metric is better."""

    MAX = "max"
    MIN = "min"


class Tracking(Option):
    """Which programs show what trials log, beside the `metrics.jsonl` of each: W&B, TensorBoard, both, or none."""

    WANDB = "wandb"
    TENSORBOARD = "tensorboard"
    BOTH = "both"
    NONE = "none"

    @property
    def uses_wandb(self) -> bool:
        return self in (Tracking.WANDB, Tracking.BOTH)

    @property
    def uses_tensorboard(self) -> bool:
        return self in (Tracking.TENSORBOARD, Tracking.BOTH)


class WandbMode(Option):
    """Where W&B logs trials; `auto` is online if there is an API key, else offline."""

    AUTO = "auto"
    ONLINE = "online"
    OFFLINE = "offline"
    DISABLED = "disabled"


class Quoting(Option):
    """What a quotation mark means in a CSV or TSV file; `auto` decides by the file name and the content."""

    AUTO = "auto"
    CSV = "csv"
    NONE = "none"


class BrokenRows(Option):
    """What happens if a row of a data file cannot be used."""

    STOP = "stop"
    SKIP = "skip"


class RougeTokenizer(Option):
    """The units that ROUGE and BLEU count: morphemes (Kiwi), words between blanks, characters, or the English words of
    Google's rouge-score."""

    KIWI = "kiwi"
    KIWI_SPLIT_TAGS = "kiwi_split_tags"  # the `kiwi` of earlier versions: `#Person1#은` is `#Person1` and `#은`
    WHITESPACE = "whitespace"
    SYLLABLE = "syllable"
    ROUGE_SCORE = "rouge_score"
    ROUGE_SCORE_STEMMED = "rouge_score_stemmed"

    @property
    def needs(self) -> str:
        return "English texts" if self in (RougeTokenizer.ROUGE_SCORE, RougeTokenizer.ROUGE_SCORE_STEMMED) else ""


class ReferenceScores(Option):
    """How ROUGE counts a text that has several references: the mean of its scores, or the best of them."""

    MEAN = "mean"
    BEST = "best"


class TokenizerKind(Option):
    """What kind of tokenizer is trained for a model with fresh weights."""

    BPE = "bpe"
    WHITESPACE = "whitespace"
    MORPHEMES = "morphemes"

    @property
    def needs(self) -> str:
        return "" if self is TokenizerKind.BPE else "architecture rnn or cnn"


class ClassWeights(Option):
    """How strongly rare classes count in the loss."""

    NONE = "none"
    BALANCED = "balanced"
    SQRT_BALANCED = "sqrt_balanced"

    @property
    def needs(self) -> str:
        return "" if self is ClassWeights.NONE else "task classification"


class RegressionLoss(Option):
    """The loss of a regression."""

    MSE = "mse"
    L1 = "l1"
    HUBER = "huber"

    @property
    def needs(self) -> str:
        return "" if self is RegressionLoss.MSE else "task regression"
