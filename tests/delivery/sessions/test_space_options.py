"""From command-line options to a space."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.sessions.space_options import one_configuration, resolve_space
from foundation.errors import UserError
from search_spaces.choices import Runner
from trainables.tasks.registry import objectives


def test_searched_parameters_get_their_default(review_files: dict[str, Path]) -> None:
    """A training searches nothing, runs without Ray, and uses the requested number of rows of each split."""
    options = {f"data.{split}": str(path) for split, path in review_files.items()}
    space = resolve_space("cnn", options, [], ["learning_rate=log:1e-4:1e-2"], None)
    single = one_configuration(space, 40)
    assert single.search == {}
    assert single.fixed["learning_rate"] == pytest.approx(1e-3)
    assert (single.budget.trials, single.data.rows, single.runner) == (1, 40, Runner.LOCAL)


def test_a_space_without_files_uses_its_sample() -> None:
    """One data file, by option or by --set, replaces the sample; `sample=False` needs no data at all."""
    assert resolve_space("cnn", {}, [], [], None).data.embedded
    assert not resolve_space("cnn", {"data.train": "a.tsv"}, [], [], None).data.embedded
    assert not resolve_space("cnn", {}, ["data.train=a.tsv"], [], None).data.embedded
    assert not resolve_space("cnn", {}, [], [], None, sample=False).data.embedded


def test_a_given_tokenizer_leaves_nothing_to_train() -> None:
    """Parameters of a trained tokenizer go with the space's own; those on the command line are refused."""
    assert "vocabulary" in resolve_space("cnn", {}, [], [], None).search
    given = resolve_space("cnn", {"tokenizer": "words"}, [], [], None)
    assert not {"vocabulary", "tokenizer_kind"} & {*given.search, *given.fixed}


@pytest.mark.parametrize(("content", "problem"), [(None, "No such file"), ("- a\n", "is no mapping")])
def test_a_configuration_file_must_be_a_mapping(content: str | None, problem: str, tmp_path: Path) -> None:
    """The message names the file."""
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UserError, match=problem):
        resolve_space("cnn", {}, [], [], file)


def test_the_usual_metric_comes_first() -> None:
    """It is what a space without a metric gets."""
    assert next(iter(objectives("classification"))) == "accuracy"


_USABLE = (
    "bleu_1, bleu_2, bleu_3, bleu_4, eval_seconds, exact_match, gen_len, loss, rouge_1, rouge_2, rouge_l, rouge_sum"
)
_LABELS, _ENCODER = "with correct_labels: accuracy, corrected, macro_f1, weighted_f1", "with rdass_encoder: rdass"


@pytest.mark.parametrize(
    ("sets", "problem", "allowed", "todo"),
    [
        (["metric=help"], "metric is 'help'", [_USABLE, _LABELS, _ENCODER], "choose one of them"),
        (
            ["metric=help", "correct_labels=true", "rdass_encoder=bert"],
            "metric is 'help'",
            [", ".join(sorted([*_USABLE.split(", "), "accuracy", "corrected", "macro_f1", "weighted_f1", "rdass"]))],
            "choose one of them",
        ),
        (
            ["metric=rdass"],
            "--set metric=rdass: metric is 'rdass', which needs rdass_encoder",
            [_USABLE, _LABELS, _ENCODER],
            "--set rdass_encoder=…, or choose another metric",
        ),
        (
            ["metric=macro_f1", "rdass_encoder=bert"],
            "--set metric=macro_f1: metric is 'macro_f1', which needs correct_labels",
            [_USABLE.replace("rouge_1", "rdass, rouge_1"), _LABELS],
            "--set correct_labels=true, or choose another metric",
        ),
    ],
)
def test_metrics_that_need_a_setting_are_listed_with_it(
    sets: list[str], problem: str, allowed: list[str], todo: str
) -> None:
    """First the metrics that this space has, then those that it would have with another setting."""
    with pytest.raises(UserError) as caught:
        resolve_space("kobart", {}, sets, [], None)
    assert problem in caught.value.problem
    assert (caught.value.allowed.split("; "), caught.value.todo) == (allowed, todo)


@pytest.mark.parametrize(("metric", "setting"), [("rdass", "rdass_encoder=bert"), ("macro_f1", "correct_labels=true")])
def test_a_metric_is_accepted_with_the_setting_that_it_needs(metric: str, setting: str) -> None:
    """In any order."""
    assert resolve_space("kobart", {}, [f"metric={metric}", setting], [], None).metric == metric
