"""Tasks: texts become closed rows of tokens, cut and counted, once per content; scores are the known metrics."""

from pathlib import Path

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from corpora.tokenised import open_table
from search_spaces.errors import UserError
from trainables import tasks
from trainables.judging import Evaluation
from trainables.metrics import DIRECTIONS
from trainables.models import load_tokenizer
from trainables.scratch import train_tokenizer
from trainables.tasks import Limits, Prepared, clean, cut, encode, ends_itself, task_named

SUMMARISATION = task_named("summarisation")


@pytest.fixture
def words() -> PreTrainedTokenizerBase:
    """A tokenizer with one token that is never cut: `@` × n are n tokens."""
    tokenizer = train_tokenizer(["가 나 다", "가나다"], 20)
    tokenizer.add_tokens(["@"])
    return tokenizer


@pytest.fixture
def closing_words(words: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same, but it puts beginning and end itself, as BART's."""
    ids = [(token, words.convert_tokens_to_ids(token)) for token in ("<s>", "</s>")]
    words.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=ids)
    return words


def a_row(number: int, source: int, target: int) -> dict[str, str]:
    """A row of that many tokens, ends not counted."""
    return {"id": f"r{number}", "source": "@" * source, "target": "@" * target}


ROWS = [a_row(0, 1, 1), a_row(1, 2, 2), a_row(2, 3, 3)]


def test_ends_are_put_where_the_tokenizer_puts_none(words: PreTrainedTokenizerBase) -> None:
    """A source stands between <s> and </s>; a target has its end alone, since the decoder brings its own start."""
    begin, end, at = words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert not ends_itself(words)
    assert encode(["@@", "@"], words) == [[begin, at, at, end], [begin, at, end]]
    assert encode(["@@"], words, start=False) == [[at, at, end]]


def test_no_second_end_is_put(closing_words: PreTrainedTokenizerBase) -> None:
    """A tokenizer that closes its texts is taken at its word, for sources and targets."""
    begin, end, at = closing_words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    assert ends_itself(closing_words)
    assert encode(["@"], closing_words) == encode(["@"], closing_words, start=False) == [[begin, at, end]]


def test_a_beginning_is_put_only_where_there_is_one(words: PreTrainedTokenizerBase) -> None:
    """T5's tokenizers have none."""
    words.bos_token = None
    assert encode(["@"], words) == [words.convert_tokens_to_ids(["@", "</s>"])]


def test_no_texts_are_no_rows(words: PreTrainedTokenizerBase) -> None:
    """A tokenizer itself stumbles over an empty list."""
    assert encode([], words) == []


@pytest.mark.parametrize(
    ("limit", "kept"), [(5, [7, 8, 9, 2]), (4, [7, 8, 9, 2]), (3, [7, 8, 2]), (2, [7, 2]), (1, [2])]
)
def test_a_cut_row_is_still_closed(limit: int, kept: list[int]) -> None:
    """A summary without its end would teach the model never to stop."""
    tokens = [7, 8, 9, 2]
    assert cut(tokens, limit) == kept
    assert tokens == [7, 8, 9, 2]


def test_clean_text() -> None:
    """Unwanted tokens go with the blanks they leave; all else stays."""
    assert clean(" <usr>민수는\n<pad> 집에  간다.<pad>", ["<usr>", "<pad>"]) == "민수는 집에 간다."
    assert clean("민수는<usr>집에", ["<usr>"]) == "민수는 집에"
    assert clean("#Person1#은 <s> 간다", []) == "#Person1#은 <s> 간다"


def test_a_prepared_split(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Sources of 1, 2, 3 tokens with two ends each, targets of as many with one; limits of 4 and 2."""
    made = SUMMARISATION.prepare(ROWS, words, Limits(source=4, target=2), "syllable", tmp_path)
    table = open_table(made.folder)
    begin, end, at = words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    # Lengths with ends are 3, 4, 5, so one source is longer than 4, and 2, 3, 4, so two targets are longer than 2.
    assert made == Prepared(made.folder, rows=3, cut_sources=1, cut_targets=2)
    assert table["input_ids"][:] == [[begin, at, end], [begin, at, at, end], [begin, at, at, end]]
    assert table["labels"][:] == [[at, end]] * 3
    assert table["length"][:] == [3, 4, 4]
    assert (table["cut_source"][:], table["cut_target"][:]) == ([False, False, True], [False, True, True])
    assert table["reference"][:] == [["@"], ["@", "@"], ["@", "@", "@"]]  # whole, however short the labels


def test_a_split_is_tokenised_once(
    words: PreTrainedTokenizerBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again, the table and its counts come from the cache; sources and targets are two calls."""
    calls: list[int] = []

    def counted(texts: list[str], tokenizer: PreTrainedTokenizerBase, *, start: bool = True) -> list[list[int]]:
        calls.append(len(texts))
        return encode(texts, tokenizer, start=start)

    monkeypatch.setattr(tasks, "encode", counted)
    first, second = (SUMMARISATION.prepare(ROWS, words, Limits(4, 2), "whitespace", tmp_path) for _ in range(2))
    assert first == second
    assert calls == [3, 3]
    assert first.cut_targets == 2


def test_a_table_is_named_by_all_that_made_it(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Either limit, the tokenizer for scoring, any text and the vocabulary give a table of its own."""

    def folder(rows: list[dict[str, str]], limits: Limits, rouge_tokenizer: str = "whitespace") -> Path:
        return SUMMARISATION.prepare(rows, words, limits, rouge_tokenizer, tmp_path).folder

    folders = [
        folder(ROWS, Limits(4, 2)),
        folder(ROWS, Limits(5, 2)),
        folder(ROWS, Limits(4, 3)),
        folder(ROWS, Limits(4, 2), "syllable"),
        folder([*ROWS[:2], a_row(2, 3, 4)], Limits(4, 2)),
        folder([*ROWS[:2], a_row(2, 4, 3)], Limits(4, 2)),
        folder(ROWS[::-1], Limits(4, 2)),
    ]
    words.add_tokens(["%"])
    folders.append(folder(ROWS, Limits(4, 2)))
    assert len(set(folders)) == len(folders)


def test_how_texts_are_cut_counts_for_the_name(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Two tokenizers of one vocabulary that put ends differently do not share a table."""
    before = SUMMARISATION.prepare(ROWS, words, Limits(4, 2), "whitespace", tmp_path)
    ids = [("</s>", words.convert_tokens_to_ids("</s>"))]
    words.backend_tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=ids)
    assert SUMMARISATION.prepare(ROWS, words, Limits(4, 2), "whitespace", tmp_path).folder != before.folder


def test_a_loaded_tokenizer_finds_the_table_of_the_first(tiny_base: Path, tmp_path: Path) -> None:
    """A study that is resumed, in another process, tokenises nothing again."""
    folders = {
        SUMMARISATION.prepare(ROWS, load_tokenizer(str(tiny_base)), Limits(9, 9), "whitespace", tmp_path).folder
        for _ in range(2)
    }
    assert len(folders) == 1


def test_an_evaluation_is_scored_by_every_metric_there_is() -> None:
    """No metric can be chosen that no evaluation has; loss, length and time are handed through."""
    evaluation = Evaluation(["가 나", "라"], loss=2.5, generated_tokens=3.5, seconds=0.25)
    found = SUMMARISATION.score(evaluation, [["가", "나"], ["다"]], "whitespace")
    assert found.keys() == DIRECTIONS.keys() == set(SUMMARISATION.metrics)
    assert (found["loss"], found["gen_len"], found["eval_seconds"]) == (2.5, 3.5, 0.25)
    assert found["rouge_1"] == 0.5  # one row is right, the other shares nothing


def test_an_unknown_task_is_refused() -> None:
    """The message names what there is and what was meant."""
    with pytest.raises(UserError, match="'summarization' is unknown") as caught:
        task_named("summarization")
    assert (caught.value.allowed, caught.value.todo) == ("summarisation", "did you mean 'summarisation'?")
