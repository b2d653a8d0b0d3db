"""Scores of generated text beside ROUGE: BLEU, exact match, labels set right, and nearness of meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.errors import UserError, first_line


def bleu(references: Sequence[Sequence[str]], predictions: Sequence[Sequence[str]]) -> dict[str, float]:
    """BLEU of the corpus (Papineni et al. 2002, https://aclanthology.org/P02-1040), counted by sacrebleu.

    An order of which no n-gram is right is smoothed exponentially, unless nothing at all is right. Where no prediction
    is long enough for an n-gram, BLEU of that order is 0.

    Args:
        references: tokens per row.
        predictions: tokens per row, as many rows.

    Returns:
        `bleu_1` to `bleu_4`, each in 0…1 and cumulative: the geometric mean of all orders up to its own.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    from sacrebleu.metrics.bleu import BLEU

    _check_rows(references, predictions)
    truth, written = [_joined(row) for row in references], [_joined(row) for row in predictions]
    # `force` keeps it from warning about text that looks tokenised: it is.
    whole = BLEU(tokenize="none", force=True).corpus_score(written, [truth])
    return {f"bleu_{order}": _cumulative(whole, order) for order in (1, 2, 3, 4)}


def _joined(tokens: Sequence[str]) -> str:
    """Tokens as sacrebleu splits them again; one with blanks in it (Kiwi knows names of several words) stays one."""
    return " ".join("▁".join(token.split()) for token in tokens)


def _cumulative(whole: Any, order: int) -> float:
    from sacrebleu.metrics.bleu import BLEU

    counted = {"correct": whole.counts[:order], "total": whole.totals[:order]}
    score = BLEU.compute_bleu(
        **counted, sys_len=whole.sys_len, ref_len=whole.ref_len, smooth_method="exp", max_ngram_order=order
    )
    return float(score.score) / 100


def exact_match(references: Sequence[str], predictions: Sequence[str]) -> float:
    """Share of rows whose texts are equal but for the kind and number of blanks.

    Raises:
        ValueError: no rows, or unequal numbers of rows.
    """
    _check_rows(references, predictions)
    same = [one.split() == other.split() for one, other in zip(references, predictions, strict=True)]
    return sum(same) / len(same)


class LabelCorrector:
    """Takes generated texts for the labels they are nearest to.

    Raises:
        ValueError: no labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        if not labels:
            raise ValueError("there are no labels to choose among")
        self.labels = sorted(set(labels))

    def correct(self, text: str) -> tuple[str, bool]:
        """The label with the least Levenshtein distance in characters, the first in sorted order among equals, and
        whether `text` was not a label itself."""
        from rapidfuzz.distance import Levenshtein

        label = min(self.labels, key=lambda label: Levenshtein.distance(text, label))
        return label, label != text

    def correct_all(self, texts: Sequence[str]) -> tuple[list[str], float]:
        """The label of each text, and the share that was not a label itself; 0.0 of no texts."""
        labels = {text: self.correct(text) for text in dict.fromkeys(texts)}
        corrected = sum(labels[text][1] for text in texts)
        return [labels[text][0] for text in texts], corrected / max(len(texts), 1)


def rdass(documents: ArrayLike, references: ArrayLike, predictions: ArrayLike) -> float:
    """RDASS, the mean over rows of (cos(prediction, reference) + cos(prediction, document)) / 2, in -1…1.

    Lee et al. 2020, "Reference and Document Aware Semantic Evaluation Methods for Korean Language Summarization",
    https://arxiv.org/abs/2005.03510. A vector of zeros is near to nothing: its cosine is 0.

    Args:
        documents: sentence vectors [rows, width]; the others likewise.

    Raises:
        ValueError: no rows, or unequal shapes.
    """
    document, reference, prediction = (
        np.asarray(vectors, dtype=np.float64) for vectors in (documents, references, predictions)
    )
    if prediction.ndim != 2 or not len(prediction) or not document.shape == reference.shape == prediction.shape:
        shapes = ", ".join(str(list(vectors.shape)) for vectors in (document, reference, prediction))
        raise ValueError(f"documents, references and predictions of shapes {shapes}")
    document, reference, prediction = _of_length_one(document), _of_length_one(reference), _of_length_one(prediction)
    return float((prediction * (reference + document)).sum(axis=1).mean() / 2)


def _of_length_one(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


class SentenceEncoder:
    """Sentence vectors of a sentence-transformers model (Reimers & Gurevych 2019, https://aclanthology.org/D19-1410).

    Args:
        where: a hub id or a folder.

    Raises:
        UserError: sentence-transformers is not installed, or there is no model at `where`.
    """

    def __init__(self, where: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise UserError(
                "rdass needs sentence-transformers, which is not installed", "", "pip install -e .[rdass]"
            ) from error
        try:
            self._model: Any = SentenceTransformer(
                where, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError) as error:
            raise UserError(
                f"rdass: no sentence encoder can be loaded from {where!r} ({first_line(error)})",
                "a hub id or a folder of sentence-transformers, with weights in safetensors and no code of its own",
                "correct the name, or download the model and name its folder",
            ) from error

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of `texts`, float32 [rows, width]; the encoder cuts what is too long for it."""
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), dtype=np.float32)


def _check_rows(references: Sequence[Any], predictions: Sequence[Any]) -> None:
    if not references or len(references) != len(predictions):
        raise ValueError(f"{len(references)} references against {len(predictions)} predictions")
