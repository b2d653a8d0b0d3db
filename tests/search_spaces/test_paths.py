"""Which values of a search space become absolute paths."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces.draft import from_dict
from search_spaces.resolve import with_absolute_paths
from search_spaces.schema import READERS, Space

KEYS = ["data.train", "data.dev", "data.test", "model", "tokenizer", "rdass_encoder"]


def with_value(key: str, value: str) -> Space:
    section, _, name = key.rpartition(".")
    space = Space()
    if section:
        return replace(space, **{section: replace(getattr(space, section), **{name: value})})
    changed: dict[str, Any] = {name: value}
    return replace(space, **changed)


def value_of(space: Space, key: str) -> str | None:
    section, _, name = key.rpartition(".")
    value: str | None = getattr(getattr(space, section) if section else space, name)
    return value


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory is not the base."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_every_key_that_is_read_as_a_path_is_tested() -> None:
    """A new path key in the schema fails here until it is made absolute."""
    assert {key for key, reader in READERS.items() if reader.allowed.startswith("a path")} <= set(KEYS)


@pytest.mark.parametrize("key", KEYS)
def test_an_existing_relative_path_becomes_absolute(key: str, tmp_path: Path) -> None:
    """Relative to the base."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "it.tsv").write_text("")
    space = with_absolute_paths(with_value(key, "mine/it.tsv"), tmp_path)
    assert value_of(space, key) == str(tmp_path / "mine" / "it.tsv")
    space = with_absolute_paths(with_value(key, "mine"), tmp_path)
    assert value_of(space, key) == str(tmp_path / "mine")


@pytest.mark.parametrize("key", KEYS)
def test_the_home_folder_is_expanded(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In values that no shell has expanded, such as those of a YAML file."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "it").mkdir(parents=True)
    space = with_absolute_paths(with_value(key, "~/it"), tmp_path)
    assert value_of(space, key) == str(tmp_path / "home" / "it")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("value", ["klue/bert-base", "s3://bucket/it", "scratch:tiny", "missing.tsv", "~/missing"])
def test_other_values_stay_as_they_are(key: str, value: str, tmp_path: Path) -> None:
    """Hub ids, bucket addresses, fresh weights; a missing file is reported by the name that the user typed."""
    assert with_absolute_paths(with_value(key, value), tmp_path) == with_value(key, value)


def test_fresh_weights_and_buckets_are_not_mistaken_for_folders(tmp_path: Path) -> None:
    """Even if a folder of that name exists."""
    for value in ("scratch:tiny", "s3://bucket"):
        (tmp_path / value).mkdir(parents=True)
        assert with_absolute_paths(with_value("model", value), tmp_path).model == value


def test_an_absolute_path_and_a_missing_value_stay(tmp_path: Path) -> None:
    """The base does not matter for an absolute path."""
    (tmp_path / "a.tsv").write_text("")
    space = with_value("data.train", str(tmp_path / "a.tsv"))
    assert with_absolute_paths(space, tmp_path / "cwd") == space
    assert with_absolute_paths(Space(), tmp_path) == Space()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """The target of a link may have no suffix, and the suffix tells the format of the file."""
    (tmp_path / "blob").write_text("")
    (tmp_path / "a.csv").symlink_to(tmp_path / "blob")
    space = with_absolute_paths(with_value("data.train", "a.csv"), tmp_path)
    assert space.data.train == str(tmp_path / "a.csv")


def test_a_relative_base_is_made_absolute_too(tmp_path: Path) -> None:
    """So that a later change of the working directory does not matter."""
    (tmp_path / "cwd" / "a.csv").write_text("")
    space = with_absolute_paths(with_value("data.train", "a.csv"), Path())
    assert space.data.train == str(tmp_path / "cwd" / "a.csv")


def test_the_result_can_be_saved_and_read_back(tmp_path: Path) -> None:
    """It is a space like any other."""
    (tmp_path / "a.csv").write_text("")
    space = with_absolute_paths(with_value("data.train", "a.csv"), tmp_path)
    assert from_dict(space.to_dict(), "study.yaml") == space
