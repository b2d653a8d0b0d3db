"""All tasks: tables of tokens, metrics, predictions as text, options, and masked rows."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from corpora.tokenised import open_table
from foundation.errors import UserError
from trainables.models.base_models import initialise_model
from trainables.models.hub import load_tokenizer
from trainables.models.scratch import scratch_config
from trainables.tasks import seq2seq
from trainables.tasks.evaluation import Evaluation
from trainables.tasks.prediction_format import PredictionFormat
from trainables.tasks.registry import TASKS, get_task_class, make_task
from trainables.tasks.task import Limits, Task, TokenisedSplit
from trainables.text.encoding import encode_with_ends
from trainables.text.subword_tokenizers import train_subwords

SUMMARISATION = make_task("summarisation", {"rouge_tokenizer": "whitespace"})


@pytest.fixture
def words() -> PreTrainedTokenizerBase:
    """A tokenizer with one token that is never merged: `@` × n are n tokens."""
    tokenizer = train_subwords(["가 나 다", "가나다"], 20)
    tokenizer.add_tokens(["@"])
    return tokenizer


def a_row(number: int, source: int, target: int) -> dict[str, str]:
    """A row with so many tokens in source and target, without end tokens."""
    return {"id": f"r{number}", "source": "@" * source, "target": "@" * target}


ROWS = [a_row(0, 1, 1), a_row(1, 2, 2), a_row(2, 3, 3)]


def test_a_split_is_tokenised(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Sources of 1, 2, 3 tokens and two ends each, targets of as many tokens and one end; limits 4 and 2."""
    split = make_task("seq2seq", {"rouge_tokenizer": "syllable"}).prepare(ROWS, words, Limits(4, 2), tmp_path)
    table = open_table(split.folder)
    begin, end, at = words.convert_tokens_to_ids(["<s>", "</s>", "@"])
    # Lengths with ends are 3, 4, 5, so one source is longer than 4, and 2, 3, 4, so two targets are longer than 2.
    assert split == TokenisedSplit(split.folder, rows=3, cut_sources=1, cut_targets=2)
    assert table["input_ids"][:] == [[begin, at, end], [begin, at, at, end], [begin, at, at, end]]
    assert table["labels"][:] == [[at, end]] * 3
    assert table["length"][:] == [3, 4, 4]
    assert (table["cut_source"][:], table["cut_target"][:]) == ([False, False, True], [False, True, True])
    assert table["reference"][:] == [["@"], ["@", "@"], ["@", "@", "@"]]  # not truncated, unlike the labels


def test_a_split_is_tokenised_once(
    words: PreTrainedTokenizerBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time, the table and its counts are read from the cache; sources and targets are two calls."""
    calls: list[int] = []

    def counted(texts: list[str], tokenizer: PreTrainedTokenizerBase, *, start: bool = True) -> list[list[int]]:
        calls.append(len(texts))
        return encode_with_ends(texts, tokenizer, start=start)

    monkeypatch.setattr(seq2seq, "encode_with_ends", counted)
    first, second = (SUMMARISATION.prepare(ROWS, words, Limits(4, 2), tmp_path) for _ in range(2))
    assert first == second
    assert calls == [3, 3]
    assert first.cut_targets == 2


def test_the_cache_key_has_all_inputs(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Another limit, ROUGE tokenizer, text or vocabulary gives another table."""

    def folder(rows: list[dict[str, str]], limits: Limits, rouge_tokenizer: str = "whitespace") -> Path:
        return make_task("seq2seq", {"rouge_tokenizer": rouge_tokenizer}).prepare(rows, words, limits, tmp_path).folder

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


def test_the_cache_key_has_the_rules_of_the_tokenizer(words: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    """Two tokenizers with one vocabulary and different end tokens do not share a table."""
    before = SUMMARISATION.prepare(ROWS, words, Limits(4, 2), tmp_path)
    ids = [("</s>", words.convert_tokens_to_ids("</s>"))]
    words.backend_tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=ids)
    assert SUMMARISATION.prepare(ROWS, words, Limits(4, 2), tmp_path).folder != before.folder


def test_a_loaded_tokenizer_has_the_same_cache_key(tiny_base: Path, tmp_path: Path) -> None:
    """A study that is resumed in another process tokenises nothing again."""
    folders = {
        SUMMARISATION.prepare(ROWS, load_tokenizer(str(tiny_base)), Limits(9, 9), tmp_path).folder for _ in range(2)
    }
    assert len(folders) == 1


def test_an_unknown_task_is_refused() -> None:
    """The message lists all tasks and suggests the nearest."""
    with pytest.raises(UserError, match="'sumarisation' is unknown") as caught:
        get_task_class("sumarisation")
    assert "summarisation" in caught.value.allowed
    assert caught.value.todo == "did you mean 'summarisation'?"


#: Options of every task, rows of its kind, and predictions that are right.
EXAMPLES = {
    "seq2seq": ({"rouge_tokenizer": "whitespace", "labels": ["가 나", "다"]}, ["가 나", "다"], ["가 나", "다"]),
    "classification": ({"labels": ["나쁨", "좋음"]}, ["좋음", "나쁨"], [[0.1, 0.9], [0.8, 0.2]]),
    "regression": ({"decimals": 1}, ["1.5", "3"], [1.5, 3.0]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_evaluation_has_every_available_metric(name: str, words: PreTrainedTokenizerBase) -> None:
    """The values are those of the available metrics, and right predictions have the best ones."""
    options, targets, right = EXAMPLES[name]
    task = make_task(name, options)
    rows = [{"source": "@", "target": target} for target in targets]
    table = task.encode_targets(rows, words, Limits(10, 10), scored=True)
    scores = task.score(Evaluation(right, loss=2.5, generated_tokens=3.5, seconds=0.25), table)
    assert [*scores] == [metric.name for metric in task.available_metrics()]
    assert task.metrics[0] in task.available_metrics()
    assert (scores["loss"], scores["eval_seconds"]) == (2.5, 0.25)
    perfect = {"accuracy", "macro_f1", "exact_match", "rouge_1", "pearson", "spearman"} & scores.keys()
    assert perfect
    assert all(scores[metric] == pytest.approx(1.0) for metric in perfect)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_right_prediction_is_formatted_as_its_target(name: str) -> None:
    """If there are classes, the confusion matrix counts it on the diagonal."""
    options, targets, right = EXAMPLES[name]
    task = make_task(name, options)
    texts = [task.format_prediction(prediction, PredictionFormat()) for prediction in right]
    assert texts == ([f"{float(target):.1f}" for target in targets] if name == "regression" else targets)
    confusion = task.confusion([{"target": target} for target in targets], right)
    assert (confusion is not None) == bool(task.classes)
    if confusion is not None:
        assert confusion.labels == task.classes
        assert confusion.counts == ((1, 0), (0, 1))


def names(task: Task) -> set[str]:
    """Names of the available metrics."""
    return {metric.name for metric in task.available_metrics()}


def test_generated_labels_are_corrected_and_counted(words: PreTrainedTokenizerBase) -> None:
    """Two of four predictions are no label; three of four are right after the correction to the nearest label."""
    task = make_task("seq2seq", {"rouge_tokenizer": "whitespace", "labels": ["긍정", "부정"]})
    targets = ["긍정", "부정", "긍정", "부정"]
    table = task.encode_targets(
        [{"source": "@", "target": target} for target in targets], words, Limits(10, 10), scored=True
    )
    scores = task.score(Evaluation(["긍졍", "부정", "부정부", "부정"], 1.0, 1.0, 1.0), table)
    assert scores["corrected"] == 0.5
    assert scores["accuracy"] == scores["exact_match"] == 0.75
    with_labels, without = (make_task("seq2seq", {"labels": labels}) for labels in (["긍정", "부정"], []))
    assert {"accuracy", "corrected"} <= names(with_labels) - names(without)


@pytest.mark.parametrize("name", TASKS)
def test_options_are_restored_from_a_dict(name: str) -> None:
    """A job carries them as a plain dict; an unknown option is refused."""
    task = make_task(name, EXAMPLES.get(name, EXAMPLES["seq2seq"])[0])
    assert make_task(name, task.to_options()) == task
    with pytest.raises(UserError, match="has no option 'lable'"):
        make_task(name, {"lable": 1})


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_masked_row_does_not_count(name: str, words: PreTrainedTokenizerBase) -> None:
    """A batch with a masked row has the loss and the count of the batch without it."""
    options, targets, _ = EXAMPLES[name]
    task = make_task(name, options)
    rows = [{"source": "@", "target": target} for target in targets]
    columns = {
        **task.encode(rows, words, Limits(10, 10)),
        **task.encode_targets(rows, words, Limits(10, 10), scored=False),
    }
    table = [{key: columns[key][row] for key in task.columns if key in columns} for row in range(2)]
    model = a_model(task, words)
    criterion = task.criterion({}, 0.0, {"labels": columns["labels"]})

    def loss(batch_rows: list[dict[str, Any]]) -> tuple[float, int]:
        batch = task.collate(batch_rows, model)
        with torch.no_grad():
            outputs = model(**{key: value for key, value in batch.items() if key != "labels"})
        return criterion(outputs, batch["labels"]).item(), int(batch["labels"].ne(-100).sum())

    alone, batched = loss(table[:1]), loss([table[0], task.mask_labels(table[1])])
    assert batched[0] == pytest.approx(alone[0], rel=1e-5)
    assert batched[1] == alone[1]


def a_model(task: Task, words: PreTrainedTokenizerBase) -> Any:
    """A tiny model for the task."""
    config = scratch_config("bart" if task.is_generative else "cnn", "tiny", words)
    for key, value in task.model_options().items():
        setattr(config, key, value)
    return initialise_model(config, task, 0).eval()


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        ("regression", {"decimals": -1}, "decimals is -1"),
        ("regression", {"decimals": 1e300}, "decimals is 1e+300"),
        ("classification", {"labels": [1, 2]}, "labels[0] is 1"),
        ("classification", {"labels": "긍정"}, "labels is '긍정'"),
        ("seq2seq", {"rouge_tokenizer": None}, "rouge_tokenizer is None"),
    ],
)
def test_options_of_another_type_are_refused(task: str, options: dict[str, Any], words: str) -> None:
    """They come from files that others may have changed."""
    with pytest.raises(UserError, match=re.escape(f"kotune.json: {words}")):
        make_task(task, options, "kotune.json")
