"""RDASS: the similarity in meaning of a summary to its document and to its reference."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from foundation.checked_json import read_json
from foundation.errors import UserError, first_line
from foundation.safe_paths import plain_name
from foundation.safe_weights import INDEX, WEIGHTS, read_weight_index

_TODO = "download the encoder again, or choose another one"
#: Endings of files that are read with pickle.
_PICKLES = (".bin", ".pt", ".pth", ".pkl")


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
        UserError: sentence-transformers is not installed, or `source` holds no model, or one that would run code.
    """

    def __init__(self, source: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            problem = "rdass needs sentence-transformers, which is not installed"
            raise UserError(problem, "metrics whose libraries are installed", "pip install -e .[rdass]") from error
        _check_folder(Path(source))
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


class _Module(msgspec.Struct, frozen=True):
    """The fields of a module in `modules.json` that name code or a folder."""

    type: str
    path: str = ""


def _check_folder(folder: Path) -> None:
    """Checks what the files of a sentence encoder name; does nothing for a hub id.

    sentence-transformers imports any class, and reads pickles where a module has no safetensors.

    Raises:
        UserError: a module is not of sentence-transformers or is elsewhere, or has its weights as a pickle.
    """
    if not os.path.isdir(folder):
        return
    for index in folder.rglob(f"*{INDEX}"):
        read_weight_index(index)
    file = folder / "modules.json"
    for number, module in enumerate(read_json(file, list[_Module], _TODO) if file.exists() else []):
        where = f"{file}: [{number}]"
        if not module.type.startswith("sentence_transformers."):
            raise UserError(f"{where}.type is {module.type!r}", "a class of sentence_transformers", _TODO)
        place = folder / plain_name(module.path, f"{where}.path") if module.path else folder
        pickles = sorted(path.name for path in place.glob("*") if path.suffix in _PICKLES)
        if pickles and not any(place.glob(f"*{WEIGHTS}")):
            raise UserError(f"{place / pickles[0]} is a pickle, which is not loaded", f"weights as {WEIGHTS}", _TODO)
