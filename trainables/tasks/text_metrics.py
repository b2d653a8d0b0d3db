"""Metrics of generated text: ROUGE, BLEU, exact match, RDASS and corrected labels.

rouge-score's own tokenizer deletes everything outside [a-z0-9], so that Hangul against itself scores 0. Here references
and predictions are tokenised first and passed to rouge-score as lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import zip_longest
from typing import Any

import numpy as np

from search_spaces.choices import Direction
from trainables.tasks.class_metrics import CLASS_METRICS, classification
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.metric import Metric
from trainables.tasks.rdass import SentenceEncoder, rdass_of_rows
from trainables.text.rouge_tokenizers import TextTokenizer


class _TokenLists:
    """The tokenizer that rouge-score requires, for texts that are token lists already."""

    def tokenize(self, tokens: list[str]) -> list[str]:
        return tokens


@cache
def _scorer() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=_TokenLists())


def rouge(references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]) -> dict[str, float]:
    """Returns mean ROUGE F1 (Lin 2004, https://aclanthology.org/W04-1013) over rows, each in 0…1.

    Args:
        references: tokens per row.
        predictions: tokens per row, as many rows.

    Returns:
        `rouge_1`, `rouge_2`, `rouge_l` and their sum `rouge_sum` (0…3).

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    _check_rows(references, predictions)
    scores = [
        _scorer().score(list(reference), list(prediction))
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    means = {
        f"rouge_{kind.lower()}": math.fsum(score[f"rouge{kind}"].fmeasure for score in scores) / len(scores)
        for kind in ("1", "2", "L")
    }
    return {**means, "rouge_sum": math.fsum(means.values())}


def rouge_of_several(
    references: Sequence[Sequence[Sequence[str]]], predictions: Sequence[Sequence[str]], *, best: bool = False
) -> dict[str, float]:
    """Returns ROUGE against several references per row: of a row, the mean of its scores or the best of each.

    Args:
        references: tokens per reference and row; every row has one reference or more.
        best: as rouge-score's `score_multi`, which takes the best reference for each kind of ROUGE.
    """
    return _means(rouge_of_rows(references, predictions, best=best))


def _means(rows: Mapping[str, Sequence[float]]) -> dict[str, float]:
    means = {kind: math.fsum(rows[kind]) / len(rows[kind]) for kind in ("rouge_1", "rouge_2", "rouge_l")}
    return {**means, "rouge_sum": math.fsum(means.values())}


def rouge_of_rows(
    references: Sequence[Sequence[Sequence[str]]], predictions: Sequence[Sequence[str]], *, best: bool = False
) -> dict[str, list[float]]:
    """Returns the scores of `rouge_of_several` for each row."""
    _check_rows(references, predictions)
    kinds: dict[str, list[float]] = {"rouge_1": [], "rouge_2": [], "rouge_l": []}
    for row, prediction in zip(references, predictions, strict=True):
        scores = [rouge([reference], [prediction]) for reference in row]
        for kind, values in kinds.items():
            each = [score[kind] for score in scores]
            values.append(max(each) if best else math.fsum(each) / len(each))
    return {**kinds, "rouge_sum": [math.fsum(scores) for scores in zip(*kinds.values(), strict=True)]}


def bleu(references: Sequence[Sequence[Sequence[str]]], predictions: Sequence[Sequence[str]]) -> dict[str, float]:
    """Returns BLEU of the corpus (Papineni et al. 2002, https://aclanthology.org/P02-1040), computed by sacrebleu.

    An order without a matching n-gram is smoothed exponentially, unless no order has one. If no prediction is long
    enough for an n-gram of an order, BLEU of that order is 0.

    Args:
        references: tokens per reference and row; every row has one reference or more.
        predictions: tokens per row, as many rows.

    Returns:
        `bleu_1` to `bleu_4`, each in 0…1 and cumulative: the geometric mean of all orders up to its own.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    from sacrebleu.metrics.bleu import BLEU

    _check_rows(references, predictions)
    generated = [_join(row) for row in predictions]
    # One list for the first reference of every row, one for the second, …; None where a row has fewer.
    truth: list[Any] = [[row if row is None else _join(row) for row in each] for each in zip_longest(*references)]
    # `force` suppresses the warning about text that looks tokenised: it is.
    corpus = BLEU(tokenize="none", force=True).corpus_score(generated, truth)
    return {f"bleu_{order}": _cumulative(corpus, order) for order in (1, 2, 3, 4)}


def _join(tokens: Sequence[str]) -> str:
    """Joins tokens so that sacrebleu splits them again; a token with blanks (Kiwi has names of several words) stays
    one."""
    return " ".join("▁".join(token.split()) for token in tokens)


def _cumulative(corpus: Any, order: int) -> float:
    from sacrebleu.metrics.bleu import BLEU

    counts = {"correct": corpus.counts[:order], "total": corpus.totals[:order]}
    score = BLEU.compute_bleu(
        **counts, sys_len=corpus.sys_len, ref_len=corpus.ref_len, smooth_method="exp", max_ngram_order=order
    )
    return float(score.score) / 100


def exact_match(references: Sequence[Sequence[str]], predictions: Sequence[str]) -> float:
    """Returns the share of rows whose text equals one of its references, except for the kind and number of blanks.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    matches = exact_matches(references, predictions)
    return sum(matches) / len(matches)


def exact_matches(references: Sequence[Sequence[str]], predictions: Sequence[str]) -> list[int]:
    """Returns 1 for each row that `exact_match` counts, else 0."""
    _check_rows(references, predictions)
    return [
        int(any(one.split() == prediction.split() for one in row))
        for row, prediction in zip(references, predictions, strict=True)
    ]


def _check_rows(references: Sequence[Any], predictions: Sequence[Any]) -> None:
    if not references or len(references) != len(predictions):
        raise ValueError(f"{len(references)} references against {len(predictions)} predictions")


@dataclass(frozen=True)
class TextInputs:
    """What text metrics are computed from.

    Args:
        texts: one prediction per row, replaced by the nearest label if the targets are labels.
        targets: one or more per row.
        references: tokens of each target.
        best_reference: whether ROUGE counts the best reference of a row, and not the mean.
        tokenizer: counts the tokens of ROUGE and BLEU.
        labels: the only possible targets; empty if they are free text.
        corrected: the share of predictions that were no label.
        encoder: of RDASS; None if it is not computed.
        document_vectors: of the sources, [rows, width]; `reference_vectors` of the targets.
    """

    evaluation: Evaluation
    texts: Sequence[str]
    targets: Sequence[Sequence[str]]
    references: Sequence[Sequence[Sequence[str]]]
    tokenizer: TextTokenizer
    best_reference: bool = False
    labels: tuple[str, ...] = ()
    corrected: float = 0.0
    encoder: SentenceEncoder | None = None
    document_vectors: Any = None
    reference_vectors: Any = None

    @cached_property
    def tokens(self) -> list[list[str]]:
        """Tokens of each prediction."""
        return self.tokenizer.tokenize(self.texts)

    @cached_property
    def rouge(self) -> dict[str, float]:
        """All ROUGE scores, computed once."""
        return _means(self.rouge_of_rows)

    @cached_property
    def rouge_of_rows(self) -> dict[str, list[float]]:
        """All ROUGE scores of each row, computed once."""
        return rouge_of_rows(self.references, self.tokens, best=self.best_reference)

    @cached_property
    def bleu(self) -> dict[str, float]:
        """All BLEU scores, computed once."""
        return bleu(self.references, self.tokens)

    @cached_property
    def class_scores(self) -> dict[str, float]:
        """Scores of the labels as classes, computed once."""
        number = {label: index for index, label in enumerate(self.labels)}
        certain = [[float(label == text) for label in self.labels] for text in self.texts]
        return classification([number[row[0]] for row in self.targets], certain, self.labels)

    @property
    def correct(self) -> list[int]:
        """1 for a row whose text is its label, else 0."""
        return [int(text == row[0]) for text, row in zip(self.texts, self.targets, strict=True)]

    @property
    def replaced(self) -> list[int]:
        """1 for a row whose text was no label, and was replaced, else 0."""
        return [int(text != one) for text, one in zip(self.texts, self.evaluation.predictions, strict=True)]

    @cached_property
    def rdass_of_rows(self) -> list[float]:
        """RDASS of each row, computed once; only with an encoder."""
        assert self.encoder is not None
        return rdass_of_rows(self.document_vectors, self.reference_vectors, self.encoder.encode(self.texts))


def _rouge(name: str) -> Metric:
    return Metric(
        name,
        Direction.MAX,
        lambda inputs: inputs.rouge[name],
        counted_by_tokenizer=True,
        row_values=lambda inputs: inputs.rouge_of_rows[name],
    )


TEXT_METRICS = (
    *map(_rouge, ("rouge_sum", "rouge_1", "rouge_2", "rouge_l")),
    Metric("bleu_1", Direction.MAX, lambda inputs: inputs.bleu["bleu_1"], counted_by_tokenizer=True),
    Metric("bleu_2", Direction.MAX, lambda inputs: inputs.bleu["bleu_2"], counted_by_tokenizer=True),
    Metric("bleu_3", Direction.MAX, lambda inputs: inputs.bleu["bleu_3"], counted_by_tokenizer=True),
    Metric("bleu_4", Direction.MAX, lambda inputs: inputs.bleu["bleu_4"], counted_by_tokenizer=True),
    Metric(
        "exact_match",
        Direction.MAX,
        lambda inputs: exact_match(inputs.targets, inputs.texts),
        row_values=lambda inputs: exact_matches(inputs.targets, inputs.texts),
    ),
    Metric(
        "rdass",
        Direction.MAX,
        lambda inputs: float(np.mean(inputs.rdass_of_rows)),
        requires="rdass_encoder",
        row_values=lambda inputs: inputs.rdass_of_rows,
    ),
    *(replace(metric, requires="correct_labels") for metric in CLASS_METRICS),
    Metric(
        "corrected",
        Direction.MIN,
        lambda inputs: inputs.corrected,
        requires="correct_labels",
        row_values=lambda inputs: inputs.replaced,
    ),
    Metric("gen_len", Direction.MIN, lambda inputs: inputs.evaluation.generated_tokens, during_training_only=True),
)
