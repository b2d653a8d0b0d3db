"""The sample reviews: reproducible, balanced, free of leaks, and not to be judged by single words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from corpora import reviews as module
from corpora.review_phrases import COMMON, KINDS, TRYING, Aspect, predicate
from corpora.reviews import KINDS_OF_REVIEW, Writer, comparing, generate, present, reviews, weighing, write_samples

ROOT = Path(__file__).parents[2]
GOLDEN = [
    {
        "label": "부정",
        "text": "색상은 화면이랑 똑같았지만 사이즈는 애매했어요.",
    },
    {
        "label": "긍정",
        "text": "열흘 발라 본 바디로션 후기입니다. 향이 전혀 이상하지 않네요.",
    },
]


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str]]:
    """As many reviews as the default splits hold together."""
    return list(islice(reviews(0), 2400))


def test_same_seed_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Neither the process nor its hash seed shows in the files."""
    paths = write_samples(tmp_path / "here", train=30, dev=5, test=5)
    code = "import sys, pathlib, corpora.reviews as r; r.write_samples(pathlib.Path(sys.argv[1]), 0, 30, 5, 5)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], check=True, env=environment)
    for path in paths.values():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


def test_another_seed_gives_other_reviews() -> None:
    """The seed does something."""
    assert generate(50, 1) != generate(50, 2)


def test_first_rows_are_these() -> None:
    """The rows of seed 0 stay what they are."""
    assert generate(2, 0) == GOLDEN


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    """Rows do not depend on how many are asked for."""
    assert generate(20, 3)[:5] == generate(5, 3)
    assert generate(0, 3) == []


def test_files_are_label_tab_text_without_header(tmp_path: Path) -> None:
    """UTF-8, LF, two fields, into a folder that need not exist; together the rows of `generate`."""
    paths = write_samples(tmp_path / "new" / "folder", seed=5, train=20, dev=4, test=3)
    assert {split: path.name for split, path in paths.items()} == {name: f"{name}.tsv" for name in paths}
    lines = [path.read_bytes().decode("utf-8").removesuffix("\n").split("\n") for path in paths.values()]
    assert [len(split) for split in lines] == [20, 4, 3]
    rows = [line.split("\t") for split in lines for line in split]
    assert rows == [[row["label"], row["text"]] for row in generate(27, 5)]


def test_nothing_occurs_twice(many: list[tuple[str, str]]) -> None:
    """No text is repeated, so none leaks from one split into another."""
    assert len({text for _, text in many}) == len(many)


@pytest.mark.parametrize("part", [slice(0, 2000), slice(2000, 2200), slice(2200, 2400)])
def test_classes_are_balanced(many: list[tuple[str, str]], part: slice) -> None:
    """Half of each of the default splits is 긍정, the other half 부정."""
    labels = Counter(label for label, _ in many[part])
    assert labels["긍정"] == labels["부정"] == len(many[part]) / 2


def test_no_mark_of_a_pattern_is_left(many: list[tuple[str, str]]) -> None:
    """No brace, star, slash, tab, double space or quotation mark reaches a text."""
    assert not [text for _, text in many if any(mark in text for mark in '{}*/|\t\n"') or "  " in text]


def test_single_words_do_not_tell_the_label(many: list[tuple[str, str]]) -> None:
    """Of the words that occur twenty times or more, most stand in a good share of reviews of either class."""
    everywhere = Counter(word for _, text in many for word in text.split())
    praising = Counter(word for label, text in many if label == "긍정" for word in text.split())
    common = [word for word, count in everywhere.items() if count >= 20]
    mixed = [word for word in common if 0.2 < praising[word] / everywhere[word] < 0.8]
    assert len(mixed) > len(common) / 2


@pytest.mark.parametrize("kind", [comparing, weighing])
def test_the_same_words_occur_with_both_labels(kind: Callable[[Writer, bool], str]) -> None:
    """A comparison, or a weighing, turned around keeps its words and changes its label."""
    own = (Aspect(COMMON[0].name, (predicate("빠르/빨랐*"),), (predicate("느리/느렸*"),)),)
    bags = {}
    for content in (False, True):
        texts = [kind(Writer(Random(seed), True, own), content) for seed in range(400)]
        bags[content] = {frozenset(Counter(text.replace(".", "").split()).items()) for text in texts}
    assert bags[False] & bags[True]


def test_every_kind_of_review_can_be_written_for_every_product() -> None:
    """No table lacks what a kind of review needs, in either manner and with either label."""
    for own in KINDS.values():
        for kind in KINDS_OF_REVIEW:
            texts = {kind(Writer(Random(seed), bool(seed % 2), own), bool(seed % 3)) for seed in range(12)}
            assert len(texts) > 6
    assert len(TRYING) == len(KINDS)


@pytest.mark.parametrize(
    ("past", "polite"), [("빨랐", "빨라요"), ("예뻤", "예뻐요"), ("별로였", "별로예요"), ("엉망이었", "엉망이에요")]
)
def test_present_is_the_past_without_its_consonant(past: str, polite: str) -> None:
    """The copula has forms of its own."""
    assert present(past) == polite


def test_exhausted_tables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing new to say the stream ends with an error instead of running for ever."""
    monkeypatch.setattr(module, "GIVE_UP_AFTER", 3)
    monkeypatch.setattr(module, "_review", lambda rng, content: ("긍정", "좋아요."))
    with pytest.raises(RuntimeError, match="no new review in 3 attempts after 1"):
        generate(2, 0)
