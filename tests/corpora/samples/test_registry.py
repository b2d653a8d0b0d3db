"""Every sample is reproducible and without leaks between splits, and every search space has a sample."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from functools import cache
from itertools import chain
from pathlib import Path
from types import ModuleType

import pytest

from corpora.samples import dialogues, reviews, sample_files, satisfaction, speech_levels
from corpora.samples.registry import SAMPLES
from corpora.samples.sample_files import distinct
from corpora.splits import Layout, read_split
from search_spaces.resolve import list_spaces, load_space
from search_spaces.schema import Space

ROOT = Path(__file__).parents[3]
# module -> the fields whose texts must be unique
TEXTS: dict[ModuleType, tuple[str, ...]] = {
    dialogues: ("dialogue", "summary"),
    reviews: ("text",),
    satisfaction: ("sentence1", "sentence2"),
    speech_levels: ("source", "target"),
}
each_module = pytest.mark.parametrize("module", TEXTS, ids=lambda module: module.__name__)


@cache
def _rows(module: ModuleType) -> list[dict[str, str]]:
    """At least as many rows as all default splits together."""
    return list(module.generate(2800, 0))


def _read(path: Path) -> list[list[str]]:
    """The rows of a file without header and id column, if it has them."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".tsv":
            return [line.rstrip("\n").split("\t") for line in file]
        return [row[1:] for row in csv.reader(file)][1:]


@each_module
def test_same_seed_same_bytes_in_another_process(module: ModuleType, tmp_path: Path) -> None:
    """The files do not depend on the process or its hash seed."""
    paths = module.write_samples(tmp_path / "here", train=30, dev=5, test=5)
    code = "import sys, pathlib, {0}; {0}.write_samples(pathlib.Path(sys.argv[1]), 0, 30, 5, 5)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", code.format(module.__name__), str(tmp_path / "there")], check=True, env=environment
    )
    for path in paths.values():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


@each_module
def test_another_seed_gives_other_rows(module: ModuleType) -> None:
    """Two seeds share few texts of 50 rows."""
    first, second = ({row[TEXTS[module][0]] for row in module.generate(50, seed)} for seed in (1, 2))
    assert len(first & second) < 5


@each_module
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(module: ModuleType) -> None:
    """Rows do not depend on how many are asked for."""
    assert module.generate(20, 3)[:5] == module.generate(5, 3)
    assert module.generate(0, 3) == []


@each_module
def test_files_hold_the_rows_of_generate(module: ModuleType, tmp_path: Path) -> None:
    """Of the sizes asked for, one split after the other, LF at the ends, into a folder that need not exist."""
    paths = module.write_samples(tmp_path / "new" / "folder", seed=5, train=20, dev=4, test=3)
    assert [path.stem for path in paths.values()] == list(paths) == ["train", "dev", "test"]
    read = {split: _read(path) for split, path in paths.items()}
    assert {split: len(rows) for split, rows in read.items()} == {"train": 20, "dev": 4, "test": 3}
    names = [name for name in module.generate(1, 5)[0] if name not in ("id", "fname")]
    assert list(chain(*read.values())) == [[row[name] for name in names] for row in module.generate(27, 5)]
    assert not any(b"\r" in path.read_bytes() for path in paths.values())


@pytest.mark.parametrize(
    ("module", "header"), [(dialogues, "fname,dialogue,summary"), (satisfaction, "id,sentence1,sentence2,score")]
)
def test_csv_files_have_a_header_and_named_rows(module: ModuleType, header: str, tmp_path: Path) -> None:
    """In the documented order; the id of a row is its split and number."""
    lines = module.write_samples(tmp_path, train=3, dev=1, test=1)["train"].read_text(encoding="utf-8").split("\n")
    assert lines[0] == header
    assert {line.split(",")[0] for line in lines if line.startswith("train_")} == {"train_0", "train_1", "train_2"}


@each_module
def test_texts_are_unique(module: ModuleType) -> None:
    """So that no text leaks from one split into another."""
    for name in TEXTS[module]:
        assert len({row[name] for row in _rows(module)}) == len(_rows(module))


@each_module
def test_texts_have_no_characters_of_patterns(module: ModuleType) -> None:
    """No brace, star, slash, bar, tab, quotation mark or double space."""
    texts = [row[name] for row in _rows(module) for name in TEXTS[module]]
    assert not [text for text in texts if any(mark in text for mark in '{}*/|=;+\t"') and ";;" not in text]
    assert not [text for text in texts if "  " in text]


def test_repeated_texts_are_skipped() -> None:
    """Also if another text of the item is new, and if an item has the same text twice."""
    items = iter([("a", "b"), ("b", "c"), ("d", "d"), ("c", "d")])
    stream = distinct(lambda: next(items), lambda pair: pair, "pair")
    assert [next(stream), next(stream)] == [("a", "b"), ("c", "d")]


def test_exhausted_tables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream ends with an error instead of running forever."""
    monkeypatch.setattr(sample_files, "GIVE_UP_AFTER", 3)
    stream = distinct(lambda: "좋아요.", lambda text: [text], "review")
    assert next(stream) == "좋아요."
    with pytest.raises(RuntimeError, match="no new review in 3 attempts after 1"):
        next(stream)
    with pytest.raises(RuntimeError, match="no new sentence in 3 attempts after 0"):
        next(distinct(lambda: None, lambda text: [text], "sentence"))  # for example, all of them too long


@pytest.mark.parametrize("name", SAMPLES)
def test_the_files_match_their_description(name: str, tmp_path: Path) -> None:
    """All roles can be read from all splits, and no source of one split is in another."""
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
    """So that `tune SPACE` runs without any data."""
    assert load_space(space)[0].get("sample", Space().sample) in SAMPLES
