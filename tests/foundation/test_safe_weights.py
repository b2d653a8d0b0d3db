"""Names of files of weights: plain ones, of safetensors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation.errors import UserError
from foundation.safe_weights import INDEX, WEIGHTS, read_weight_index, weights_name


@pytest.mark.parametrize("name", ["a.bin", "a.safetensors.bin", "a.safetensors/", "b/a.safetensors", "..", "", "C:a"])
def test_other_names_are_refused(name: str) -> None:
    """The message has the place and the name."""
    with pytest.raises(UserError, match="here: ") as caught:
        weights_name(name, "here")
    assert repr(name) in caught.value.problem


def test_plain_names_are_accepted() -> None:
    """An index only where one may be named."""
    assert weights_name("a.safetensors", "here") == "a.safetensors"
    assert weights_name("a.safetensors.index.json", "here", (WEIGHTS, INDEX)) == "a.safetensors.index.json"
    with pytest.raises(UserError, match="no file of safetensors"):
        weights_name("a.safetensors.index.json", "here")


def test_an_index_is_read_by_file(tmp_path: Path) -> None:
    """Each file has its weights."""
    index = tmp_path / "model.safetensors.index.json"
    weight_map = {"x": "1.safetensors", "y": "2.safetensors", "z": "1.safetensors"}
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    assert read_weight_index(index) == {"1.safetensors": {"x", "z"}, "2.safetensors": {"y"}}
