"""The preparation of a study: tokenizers, the embedded sample, and what a task learns from rows."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from corpora.samples.reviews import write_samples
from corpora.splits import Split, Splits
from delivery.sessions.space_options import resolve_space
from foundation.errors import UserError
from search_spaces.schema import Space
from tuning import preparation
from tuning.jobs import make_job
from tuning.preparation import learn, prepare, read, with_samples
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.study import Study
from tuning.tokenizers import tokenizer_variants, variant_of


def cnn(files: dict[str, Path] | None = None, sets: tuple[str, ...] = (), ranges: tuple[str, ...] = ()) -> Space:
    """The CNN's space on `files`."""
    options = {f"data.{split}": str((files or {}).get(split, "none.tsv")) for split in ("train", "dev", "test")}
    fixed = ["model=scratch:tiny", "wandb.mode=disabled", "vocabulary=600", *sets]
    return resolve_space("cnn", options, fixed, list(ranges), None)


def a_row(number: int, target: str) -> dict[str, str]:
    """A row with a text of its own."""
    return {"id": str(number), "source": f"글 {number}", "target": target}


def splits_with(**targets: list[str]) -> Splits:
    """Splits whose rows differ by their target alone."""
    made = {
        name: Split([a_row(row, text) for row, text in enumerate(given, 1)], f"{name}.tsv", "")
        for name, given in targets.items()
    }
    return Splits(made["train"], made["dev"], made.get("test"), [], learnable=made["train"].rows)


def test_every_tokenizer_of_the_space_is_trained_first(tmp_path: Path) -> None:
    """Two kinds and two sizes are four base models with their own tables; a job names its own."""
    files = write_samples(tmp_path / "data", train=60, dev=12, test=8)
    ranges = ("tokenizer_kind=choice:bpe,whitespace", "vocabulary=choice:300,600")
    study = Study.create(cnn(files, ranges=ranges), tmp_path / "runs", "kinds")
    messages: list[str] = []
    material = prepare(study, preparation.read(study.space), messages.append)
    assert set(material.tables) == {"bpe-300", "bpe-600", "whitespace-300", "whitespace-600"}
    for variant in material.tables:
        size = len(AutoTokenizer.from_pretrained(study.paths.base_model(variant)))
        assert size <= int(variant.split("-")[1])
        assert any(message.startswith(f"{variant}: unknown tokens: train ") for message in messages)
    config = {"tokenizer_kind": "whitespace", "vocabulary": 300}
    job = make_job(study, material, None)(TrialRecord(0, "kinds-0000", config, config, 1.0))
    assert job.base_model.endswith("whitespace-300")
    assert job.train == material.tables["whitespace-300"]["train"] != material.tables["bpe-300"]["train"]
    assert Material.load(study.paths) == material


@pytest.mark.parametrize(
    ("sets", "ranges", "problem"),
    [
        (("tokenizer=somewhere",), (), "vocabulary with --tokenizer"),
        (("model=some/bert",), (), "vocabulary with model some/bert"),
        ((), ("vocabulary=int:500:900",), r"search\.vocabulary: int"),
        ((), ("vocabulary=choice:100,200,300,400,500,600,700,800,900,1000,1100,1200,1300",), "would be 13 tokenizers"),
    ],
)
def test_tokenizers_that_cannot_be_trained(sets: tuple[str, ...], ranges: tuple[str, ...], problem: str) -> None:
    """A model with its own tokenizer, a range instead of a choice, too many."""
    with pytest.raises(UserError, match=problem):
        tokenizer_variants(cnn(sets=sets, ranges=ranges))


def test_the_name_of_a_tokenizer() -> None:
    """It is empty for the model's own."""
    assert variant_of({"tokenizer_kind": "bpe", "vocabulary": 300, "learning_rate": 1}) == "bpe-300"
    assert variant_of({"vocabulary": 300}) == "300"
    assert variant_of({}) == ""


def test_the_sample_is_written_as_data_files(tmp_path: Path) -> None:
    """`resume` reads them as any data, with the columns of the sample."""
    options = {f"data.{split}": None for split in ("train", "dev", "test")}
    space = with_samples(resolve_space("sts", options, [], [], None), tmp_path)
    assert not space.data.embedded
    assert Path(str(space.data.train)).is_file()
    assert (space.columns.pair, space.columns.target) == ("sentence2", "score")


@pytest.mark.parametrize(
    ("name", "splits", "problem"),
    [
        ("cnn", splits_with(train=["a", "a"], dev=["a"]), "all 2 training rows have the label 'a'"),
        ("cnn", splits_with(train=["a", "b"], dev=["a", "c"]), "label 'c' of dev (1 row) is not in train"),
        ("cnn", splits_with(train=["a", "b"], dev=["a"], test=["d"]), "label 'd' of test (1 row)"),
        (
            "sts",
            splits_with(train=["1", "2.5", "셋"], dev=["1"]),
            "train: 1 of 3 targets are not numbers (row 3: '셋')",
        ),
        ("sts", splits_with(train=["1", "2"], dev=["nan"]), "dev: 1 of 1 targets are not numbers"),
        ("sts", splits_with(train=["1", "1.0"], dev=["2"]), "all targets are 1"),
    ],
)
def test_rows_that_a_task_cannot_learn_from_are_refused(name: str, splits: Splits, problem: str) -> None:
    """The message names the split and the label."""
    options: dict[str, Any] = {"data.train": "none.tsv", "data.dev": "none.tsv"}
    space = resolve_space(name, options, ["model=scratch:tiny"], [], None)
    with pytest.raises(UserError, match=re.escape(problem)):
        learn(space, splits)


def test_free_texts_are_no_labels() -> None:
    """There are at most 200 labels."""
    options: dict[str, Any] = {"data.train": "none.tsv", "data.dev": "none.tsv"}
    many = splits_with(train=[str(number) for number in range(300)], dev=["1"])
    space = resolve_space("t5", options, ["model=scratch:tiny", "correct_labels=true"], [], None)
    with pytest.raises(UserError, match="300 different targets"):
        learn(space, many)


def test_a_sample_may_lack_a_class(tmp_path: Path) -> None:
    """The model keeps the class, since dev may have it, and a remark says so."""
    lines = [f"{'드문' if number == 7 else ('긍정', '부정')[number % 2]}\t문장 {number}\n" for number in range(60)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    options: dict[str, Any] = {f"data.{split}": str(tmp_path / f"{split}.tsv") for split in ("train", "dev")}
    space = resolve_space("cnn", {**options, "model": "scratch:tiny"}, ["filters.sample=5"], [], None)
    splits = read(space)
    assert len(splits.train.rows) == 5
    assert "드문" not in {row["target"] for row in splits.train.rows}
    assert learn(space, splits).classes == ("긍정", "드문", "부정")
    messages: list[str] = []
    prepare(Study.create(space, tmp_path / "runs", "few"), splits, messages.append)
    assert "train: the sample has no row of 드문" in messages
    assert "5 of 60 train rows are drawn at random" in messages


def test_a_debug_run_says_that_all_splits_are_sampled(tmp_path: Path) -> None:
    """`--rows` is no filter of the user, and its scores are those of fewer dev and test rows."""
    lines = [f"{('긍정', '부정')[number % 2]}\t문장 {number}\n" for number in range(60)]
    for split in ("train", "dev"):
        (tmp_path / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    options: dict[str, Any] = {f"data.{split}": str(tmp_path / f"{split}.tsv") for split in ("train", "dev")}
    splits = read(resolve_space("cnn", {**options, "model": "scratch:tiny"}, ["data.rows=8"], [], None))
    assert (len(splits.train.rows), len(splits.dev.rows)) == (8, 8)
    assert "8 of 60 train rows are drawn at random; dev and test have at most 8 rows" in splits.remarks


def test_classes_are_learned_from_filtered_rows(tmp_path: Path) -> None:
    """A class that a filter removes is none; spaces within a label are normalized in all splits."""
    lines = [f"{('매우  긍정', '부정', '중립')[number % 3]}\t문장 {number}\n" for number in range(60)]
    (tmp_path / "train.tsv").write_text("".join(lines), encoding="utf-8")
    options: dict[str, Any] = {"data.train": str(tmp_path / "train.tsv"), "model": "scratch:tiny"}
    sets = ["filters.strip_whitespace=true", "filters.drop_patterns=['^중립$']"]
    (tmp_path / "dev.tsv").write_text("".join(line for line in lines if "중립" not in line), encoding="utf-8")
    options["data.dev"] = str(tmp_path / "dev.tsv")
    space = resolve_space("cnn", options, sets, [], None)
    assert learn(space, read(space)).classes == ("매우 긍정", "부정")


def test_generated_labels_are_split_by_their_texts(tmp_path: Path) -> None:
    """A split by label would move a whole class to dev. Translations are split by their targets."""
    lines = [f"문장 {number}\t{('긍정', '부정')[number % 2]}\n" for number in range(60)]
    (tmp_path / "train.tsv").write_text("".join(lines), encoding="utf-8")
    options: dict[str, Any] = {"data.train": str(tmp_path / "train.tsv")}
    space = resolve_space("t5", options, ["model=scratch:tiny", "correct_labels=true"], [], None)
    splits = read(space)
    assert {row["target"] for row in splits.train.rows} == {row["target"] for row in splits.dev.rows}
    task = learn(space, splits)
    assert task.to_options()["labels"] == ["긍정", "부정"]


def test_both_texts_of_a_pair_are_compared(tmp_path: Path) -> None:
    """A leak in the second text counts; a study of an earlier version compared the first texts alone."""
    rows = [f"{number},질문 {number // 2},물음 {number // 3},{number % 5}" for number in range(60)]
    (tmp_path / "train.csv").write_text("id,sentence1,sentence2,score\n" + "\n".join(rows), encoding="utf-8")
    space = resolve_space("sts", {"data.train": str(tmp_path / "train.csv")}, [], [], None)
    splits = read(space)
    for role in ("source", "pair"):
        assert {row[role] for row in splits.train.rows}.isdisjoint(row[role] for row in splits.dev.rows)
    earlier = replace(space, data=replace(space.data, split_version=1))
    assert read(earlier).dev.rows != splits.dev.rows


def test_dev_and_test_texts_are_rewritten_like_training_texts(tmp_path: Path) -> None:
    """So that a model is scored on texts like those it learned from."""
    for split in ("train", "dev", "test"):
        (tmp_path / f"{split}.tsv").write_text("긍정\t좋아   요\n부정\t싫어   요\n", encoding="utf-8")
    options: dict[str, Any] = {f"data.{split}": str(tmp_path / f"{split}.tsv") for split in ("train", "dev", "test")}
    splits = read(resolve_space("cnn", options, ["filters.strip_whitespace=true"], [], None))
    for split in (splits.train, splits.dev, splits.test):
        assert split is not None
        assert [row["source"] for row in split.rows] == ["좋아 요", "싫어 요"]


def test_a_given_tokenizer_replaces_that_of_the_space() -> None:
    """The kind and vocabulary of the space are dropped; those of the command line are refused."""
    options: dict[str, Any] = {"data.train": "none.tsv", "tokenizer": "some/folder"}
    assert tokenizer_variants(resolve_space("cnn", options, [], [], None)) == [(None, None)]
    with pytest.raises(UserError, match="vocabulary with --tokenizer"):
        tokenizer_variants(resolve_space("cnn", options, ["vocabulary=1000"], [], None))


def test_the_sample_has_the_vocabulary_of_its_own_model() -> None:
    """The usual model of t5 comes from the hub with its tokenizer; the sample's is untrained and needs one."""
    ((_, size),) = tokenizer_variants(resolve_space("t5", {}, [], [], None))
    assert size == 500
    for given in ({"model": "some/folder"}, {"tokenizer": "some/folder"}, {"data.train": "none.tsv"}):
        assert tokenizer_variants(resolve_space("t5", given, [], [], None)) == [(None, None)]
    for messages in ("model=some/folder", "tokenizer=some/folder", "architecture=byt5"):
        assert tokenizer_variants(resolve_space("t5", {}, [messages], [], None)) == [(None, None)]


def test_a_vocabulary_may_be_written_as_a_float() -> None:
    """1e4 is ten thousand pieces, with the same name."""
    space = resolve_space("cnn", {"data.train": "none.tsv"}, ["vocabulary=1e4"], [], None)
    assert tokenizer_variants(space) == [("bpe", 10_000)]
    assert variant_of({"tokenizer_kind": "bpe", "vocabulary": 1e4}) == "bpe-10000"
