"""The sample sentence pairs: reproducible, free of leaks, scored by a rule and spread over the whole range."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from corpora import sentence_pairs as module
from corpora.sentence_pair_phrases import TOPICS
from corpora.sentence_pairs import Statement, generate, pairs, similarity, write_samples

ROOT = Path(__file__).parents[2]
GOLDEN = [
    {
        "id": "sample_0",
        "sentence1": "준호는 시장 국숫집에서 저번 월요일에 점심을 먹지 못했습니다.",
        "sentence2": "오늘 오후에 현우가 학교 운동장에서 세 시간 동안 뛰려다가 그만두었어.",
        "score": "0.0",
    },
    {
        "id": "sample_1",
        "sentence1": "보라가 저번 주에 남대문 시장에서 사과 다섯 개를 사 왔다.",
        "sentence2": "지난주에 보라가 남대문 시장에서 산 사과 5개를 환불했습니다.",
        "score": "1.6",
    },
]
LUNCH = Statement("식사", "lunch", False, {"who": "민수", "where": "역 앞 식당", "when": "어제"})


@pytest.fixture(scope="module")
def many() -> list[tuple[str, str, float]]:
    """As many pairs as the default splits hold together."""
    return list(islice(pairs(0), 2400))


def _with(statement: Statement = LUNCH, **details: str) -> Statement:
    return replace(statement, details={**statement.details, **details})


def test_same_seed_same_bytes_in_another_process(tmp_path: Path) -> None:
    """Neither the process nor its hash seed shows in the files."""
    paths = write_samples(tmp_path / "here", train=30, dev=5, test=5)
    code = "import sys, pathlib, corpora.sentence_pairs as s; s.write_samples(pathlib.Path(sys.argv[1]), 0, 30, 5, 5)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "there")], check=True, env=environment)
    for path in paths.values():
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


def test_another_seed_gives_other_pairs() -> None:
    """The seed does something."""
    assert generate(50, 1) != generate(50, 2)


def test_first_rows_are_these() -> None:
    """The rows of seed 0 stay what they are."""
    assert generate(2, 0) == GOLDEN


def test_a_smaller_sample_is_the_beginning_of_a_larger_one() -> None:
    """Rows do not depend on how many are asked for."""
    assert generate(20, 3)[:5] == generate(5, 3)
    assert generate(0, 3) == []


def test_files_are_csv_with_a_header(tmp_path: Path) -> None:
    """The columns come in the order of the interface, the ids name the split, the rows are those of `generate`."""
    paths = write_samples(tmp_path / "new" / "folder", seed=5, train=20, dev=4, test=3)
    texts = [path.read_bytes().decode("utf-8") for path in paths.values()]
    assert {text.split("\n")[0] for text in texts} == {"id,sentence1,sentence2,score"}
    rows = [row for text in texts for row in csv.DictReader(text.splitlines())]
    assert [row.pop("id") for row in rows][19:21] == ["train_19", "dev_0"]
    assert rows == [{name: row[name] for name in ("sentence1", "sentence2", "score")} for row in generate(27, 5)]


def test_no_sentence_occurs_twice(many: list[tuple[str, str, float]]) -> None:
    """Neither in a pair, nor in two pairs, so that no sentence leaks from one split into another."""
    assert len({sentence for pair in many for sentence in pair[:2]}) == 2 * len(many)


def test_scores_are_spread_over_the_range(many: list[tuple[str, str, float]]) -> None:
    """0.0 and 5.0 occur, and every step of one point holds at least a tenth of the pairs."""
    scores = [round(score, 1) for *_, score in many]
    assert (min(scores), max(scores)) == (0.0, 5.0)
    steps = Counter(min(int(score), 4) for score in scores)
    assert min(steps[step] for step in range(5)) > len(many) / 10


def test_no_mark_of_a_pattern_is_left(many: list[tuple[str, str, float]]) -> None:
    """No brace, parenthesis, bar, slash or ~ reaches a sentence."""
    texts = [sentence for pair in many for sentence in pair[:2]]
    assert not [text for text in texts if any(mark in text for mark in '{}()|/~,"') or "  " in text]


def test_the_same_told_twice_is_five() -> None:
    """Wording is no part of a statement."""
    assert similarity(LUNCH, LUNCH) == 5.0


@pytest.mark.parametrize(
    ("other", "score"),
    [
        (_with(who="지우"), 3.8),  # 5.0 - 1.2
        (_with(where="회사 식당"), 4.0),  # 5.0 - 1.0
        (_with(when="지난주에"), 4.2),  # 5.0 - 0.8
        (_with(when="지난주에", who="지우"), 3.0),  # 5.0 - 0.8 - 1.2
        (Statement("식사", "lunch", False, {"who": "민수", "where": "역 앞 식당"}), 4.6),  # 5.0 - 0.8 / 2
        (Statement("식사", "lunch", True, LUNCH.details), 1.6),
        (Statement("식사", "lunch", True, {**LUNCH.details, "who": "지우"}), 1.4),  # 1.6 - 0.2
        (Statement("식사", "plate", False, {**LUNCH.details, "amount": "한 개"}), 2.4),
        (Statement("식사", "plate", True, {"who": "지우", "where": "역 앞 식당", "when": "어제"}), 2.2),  # 2.4 - 0.2
        (Statement("은행", "loan", False, {"who": "지우", "where": "동네 은행", "when": "지난주에"}), 0.0),
        (Statement("은행", "loan", False, {"who": "민수", "where": "동네 은행", "when": "어제"}), 0.4),  # 0.2 + 0.2
    ],
)
def test_similarity_follows_the_rule(other: Statement, score: float) -> None:
    """Each line of the rule, in both directions."""
    assert similarity(LUNCH, other) == pytest.approx(score)
    assert similarity(other, LUNCH) == pytest.approx(score)


def test_two_sentences_that_tell_nothing_alike_share_nothing() -> None:
    """A detail that neither sentence tells is not one that they tell alike."""
    assert similarity(Statement("날씨", "rain", False, {}), Statement("은행", "loan", False, {})) == 0.0


@pytest.mark.parametrize("name", sorted(TOPICS))
def test_every_pattern_of_a_topic_can_be_told(name: str) -> None:
    """Patterns end in the mark of the past, and use an amount exactly where their action has amounts."""
    for action in TOPICS[name].actions.values():
        for pattern in (*action.said, *action.reversed):
            assert pattern.endswith("~")
            assert ("{amount" in pattern) == bool(action.amounts)
        assert len(action.said) >= 2
        assert len(action.reversed) >= 2


def test_particles_follow_the_amount() -> None:
    """The amount is put in before its particle is chosen."""
    details = {"amount": "두 권|2권"}
    texts = {module._sentence(Random(seed), Statement("책", "lose", False, details)) for seed in range(30)}
    assert any("두 권을" in text for text in texts)
    assert not any("권를" in text for text in texts)


def test_exhausted_tables_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing new to say the stream ends with an error instead of running for ever."""
    monkeypatch.setattr(module, "GIVE_UP_AFTER", 3)
    monkeypatch.setattr(module, "_sentence", lambda rng, statement: "비가 왔다.")
    with pytest.raises(RuntimeError, match="no new pair in 3 attempts after 0"):
        generate(2, 0)
