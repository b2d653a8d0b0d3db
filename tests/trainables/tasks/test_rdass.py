"""RDASS computed by hand, and the sentence encoder it needs."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from foundation.errors import UserError
from trainables.tasks.rdass import SentenceEncoder, rdass_of_rows


def test_rdass_by_hand() -> None:
    """Two rows of two numbers; the lengths of vectors have no effect."""
    predictions = np.array([[2.0, 0.0], [0.0, 1.0]])
    references = np.array([[1.0, 1.0], [0.0, 3.0]])
    documents = np.array([[0.0, 5.0], [0.0, 0.0]])
    # Row 1: cos 45° and cos 90°, (1/√2 + 0) / 2. Row 2: 1, and a document of zeros counts as 0, (1 + 0) / 2.
    expected = [1 / math.sqrt(2) / 2, 1 / 2]
    assert rdass_of_rows(documents, references, predictions) == pytest.approx(expected)
    assert rdass_of_rows(predictions, predictions, predictions) == pytest.approx([1, 1])


@pytest.mark.parametrize(("one", "other"), [((2, 3), (2, 4)), ((2, 3), (1, 3)), ((0, 3), (0, 3)), ((3,), (3,))])
def test_unequal_shapes_are_refused(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """So are no rows, and vectors that are not a table."""
    with pytest.raises(ValueError, match="of shapes"):
        rdass_of_rows(np.ones(one), np.ones(one), np.ones(other))


class FakeTransformer:
    """A stand-in for the class of sentence-transformers: the vector of a text is its length and 1."""

    def __init__(self, source: str, *, trust_remote_code: bool, model_kwargs: dict[str, Any]) -> None:
        assert not trust_remote_code
        assert model_kwargs == {"use_safetensors": True}
        if source != "a model":
            raise OSError("no such folder")

    def encode(self, texts: list[str], show_progress_bar: bool) -> Any:
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float64)


def fake_library() -> ModuleType:
    """Returns a stand-in for sentence-transformers."""
    fake = ModuleType("sentence_transformers")
    fake.SentenceTransformer = FakeTransformer  # type: ignore[attr-defined]
    return fake


def test_sentences_are_encoded_as_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are float32, one row per text; a model that does not exist is a UserError."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake_library())
    vectors = SentenceEncoder("a model").encode(("가나", "다"))
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[2, 1], [1, 1]]
    with pytest.raises(UserError, match=r"from 'nothing' \(no such folder\)"):
        SentenceEncoder("nothing")


def test_without_sentence_transformers_the_message_states_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is an optional extra."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(UserError, match="not installed") as caught:
        SentenceEncoder("a model")
    assert caught.value.todo == "pip install -e .[rdass]"


@pytest.mark.parametrize(
    ("modules", "files", "problem"),
    [
        ([{"type": "os.system", "path": ""}], (), "type is 'os.system'"),
        ([{"type": "sentence_transformers.models.Dense", "path": "../other"}], (), "is not a plain file name"),
        ([{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}], ("2_Dense/a.bin",), "is a pickle"),
        ([], ("0_Transformer/model.safetensors.index.json",), "'weights.bin' is no file of safetensors"),
        ({}, (), "is {}"),
    ],
)
def test_an_encoder_that_would_run_code_is_refused(
    modules: Any, files: tuple[str, ...], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sentence-transformers imports any class that a folder names, and reads pickles."""
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake_library())
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    for name in files:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(json.dumps({"metadata": {}, "weight_map": {"a": "weights.bin"}}))
    with pytest.raises(UserError, match=problem) as caught:
        SentenceEncoder(str(tmp_path))
    assert str(tmp_path) in caught.value.problem
