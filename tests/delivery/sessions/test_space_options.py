"""From command-line options to a space."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.sessions.space_options import metric_directions, one_configuration, resolve_space
from foundation.errors import UserError
from search_spaces.choices import Runner


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
    assert next(iter(metric_directions("classification"))) == "accuracy"
