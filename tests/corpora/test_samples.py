"""Every sample that a space names is there, and its files are written as it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from corpora.samples import SAMPLES
from corpora.splits import Layout, read_split
from search_spaces.resolve import list_spaces, load_space
from search_spaces.schema import Space


@pytest.mark.parametrize("name", SAMPLES)
def test_the_files_are_as_they_are_described(name: str, tmp_path: Path) -> None:
    """All roles are read from all splits, without a refusal, and no source of one split is in another."""
    sample = SAMPLES[name]
    sources = []
    for path in sample.write(tmp_path).values():
        split = read_split(str(path), Layout(dict(sample.columns), sample.header))
        assert not split.refused
        assert len(split.rows) >= 200
        assert all(row["source"] and row["target"] for row in split.rows)
        sources.append({(row["source"], row.get("pair")) for row in split.rows})
    assert sum(map(len, sources)) == len(set().union(*sources))


@pytest.mark.parametrize("space", list_spaces())
def test_every_space_has_a_sample(space: str) -> None:
    """`tune SPACE` runs without any data."""
    assert load_space(space)[0].get("sample", Space().sample) in SAMPLES
