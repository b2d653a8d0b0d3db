"""Which settings of a study must stay the same, and hashes of folders."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from foundation.errors import UserError
from search_spaces.schema import SECTIONS, Space
from tuning.studies.origin import CHANGEABLE, base_model_hash, check_settings, folder_hash, settings_of

_FILE = Path("study.yaml")


def test_every_key_that_may_change_is_a_key() -> None:
    """A misspelt one would be compared."""
    keys = {item.name for item in fields(Space)} | {
        f"{name}.{key}" for name, inside in SECTIONS.items() for key in inside
    }
    assert keys >= CHANGEABLE


def test_ranges_and_the_budget_may_change() -> None:
    """They say which trials come next, not what the earlier ones were trained on."""
    space = Space()
    later = replace(space, fixed={"num_beams": 2}, budget=replace(space.budget, trials=99))
    check_settings(_FILE, settings_of(space), later)


def test_a_folder_of_a_model_may_be_moved() -> None:
    """Another kind of source may not."""
    space = replace(Space(), model="/a/bert")
    check_settings(_FILE, settings_of(space), replace(space, model="/b/bert"))
    with pytest.raises(UserError, match=r"study\.yaml: model is 'klue/bert', and was 'a folder'"):
        check_settings(_FILE, settings_of(space), replace(space, model="klue/bert"))


def test_a_setting_of_another_version_is_not_compared() -> None:
    """A study of an earlier version has no settings, or fewer."""
    check_settings(_FILE, {}, Space())
    check_settings(_FILE, {"of_a_later_version": 1}, Space())


def test_a_hash_depends_on_names_and_content(tmp_path: Path) -> None:
    """Not on the place, nor on hidden files, which tools write into folders."""
    for name in ("one", "two"):
        (tmp_path / name / ".cache").mkdir(parents=True)
        (tmp_path / name / ".cache" / "place").write_text(name, encoding="utf-8")
        (tmp_path / name / "model.safetensors").write_bytes(b"weights")
        (tmp_path / name / "config.json").write_text(name, encoding="utf-8")
    one, two = tmp_path / "one", tmp_path / "two"
    assert base_model_hash(one) == base_model_hash(two)  # versions in config.json do not count
    assert folder_hash(one) != folder_hash(two)
    (two / "config.json").write_text("one", encoding="utf-8")
    assert folder_hash(one) == folder_hash(two)
    (two / "config.json").rename(two / "other.json")
    assert folder_hash(one) != folder_hash(two)
