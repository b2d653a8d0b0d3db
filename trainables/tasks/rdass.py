"""RDASS: the similarity in meaning of a summary to its document and to its reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.errors import UserError, first_line


def rdass_of_rows(documents: ArrayLike, references: ArrayLike, predictions: ArrayLike) -> list[float]:
    """Returns RDASS of each row, (cos(prediction, reference) + cos(prediction, document)) / 2, in -1…1.

    RDASS of all rows is the mean.

    Lee et al. 2020, "Reference and Document Aware Semantic Evaluation Methods for Korean Language Summarization",
    https://arxiv.org/abs/2005.03510. The cosine with a vector of zeros is 0.

    Args:
        documents: sentence vectors [rows, width]; references and predictions likewise.

    Raises:
        ValueError: no rows, or unequal shapes.
    """
    document, reference, prediction = (
        np.asarray(vectors, dtype=np.float64) for vectors in (documents, references, predictions)
    )
    if prediction.ndim != 2 or not len(prediction) or not document.shape == reference.shape == prediction.shape:
        shapes = ", ".join(str(list(vectors.shape)) for vectors in (document, reference, prediction))
        raise ValueError(f"documents, references and predictions of shapes {shapes}")
    document, reference, prediction = _unit_vectors(document), _unit_vectors(reference), _unit_vectors(prediction)
    rows: list[float] = ((prediction * (reference + document)).sum(axis=1) / 2).tolist()
    return rows


def _unit_vectors(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: NDArray[np.float64] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


class SentenceEncoder:
    """A sentence-transformers model (Reimers & Gurevych 2019, https://aclanthology.org/D19-1410).

    Args:
        source: a hub id or a folder.

    Raises:
        UserError: sentence-transformers is not installed, or `source` holds no model.
    """

    def __init__(self, source: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            problem = "rdass needs sentence-transformers, which is not installed"
            raise UserError(problem, "metrics whose libraries are installed", "pip install -e .[rdass]") from error
        try:
            self._model: Any = SentenceTransformer(
                source, trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError) as error:
            raise UserError(
                f"rdass: no sentence encoder can be loaded from {source!r} ({first_line(error)})",
                "a hub id or a folder of sentence-transformers, with weights in safetensors and without custom code",
                "correct the name, or download the model and give its folder",
            ) from error

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns the vectors of `texts`, float32 [rows, width]; the encoder truncates texts that are too long."""
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), dtype=np.float32)
