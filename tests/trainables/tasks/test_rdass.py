"""RDASS computed by hand, and the sentence encoder it needs."""

from __future__ import annotations

import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from foundation.errors import UserError
from trainables.tasks.rdass import SentenceEncoder, rdass


def test_rdass_by_hand() -> None:
    """Two rows of two numbers; lengths do not matter."""
    predictions = np.array([[2.0, 0.0], [0.0, 1.0]])
    references = np.array([[1.0, 1.0], [0.0, 3.0]])
    documents = np.array([[0.0, 5.0], [0.0, 0.0]])
    # Row 1: cos 45° and cos 90°, (1/√2 + 0) / 2. Row 2: 1, and a document of zeros counts as 0, (1 + 0) / 2.
    wanted = (1 / math.sqrt(2) / 2 + 1 / 2) / 2
    assert rdass(documents, references, predictions) == pytest.approx(wanted)
    assert rdass(predictions, predictions, predictions) == pytest.approx(1)


@pytest.mark.parametrize(("one", "other"), [((2, 3), (2, 4)), ((2, 3), (1, 3)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_vectors_must_match(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """Unequal shapes, no rows, and what is no table."""
    with pytest.raises(ValueError, match="of shapes"):
        rdass(np.ones(one), np.ones(one), np.ones(other))


class FakeTransformer:
    """Stands in for sentence-transformers' class: a vector of the text's length and one."""

    def __init__(self, where: str, *, trust_remote_code: bool, model_kwargs: dict[str, Any]) -> None:
        assert not trust_remote_code
        assert model_kwargs == {"use_safetensors": True}
        if where != "here":
            raise OSError("no such folder")

    def encode(self, texts: list[str], show_progress_bar: bool) -> Any:
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float64)


def test_sentences_become_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32, a row per text; a model that is not there is the user's to mend."""
    fake = ModuleType("sentence_transformers")
    fake.SentenceTransformer = FakeTransformer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)
    found = SentenceEncoder("here").encode(("가나", "다"))
    assert found.dtype == np.float32
    assert found.tolist() == [[2, 1], [1, 1]]
    with pytest.raises(UserError, match=r"from 'there' \(no such folder\)"):
        SentenceEncoder("there")


def test_without_sentence_transformers_the_user_hears_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional extra."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="not installed") as caught:
        SentenceEncoder("here")
    assert caught.value.todo == "pip install -e .[rdass]"
