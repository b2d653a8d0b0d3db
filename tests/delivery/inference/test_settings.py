"""The settings of exported folders: written, read back, read from older folders, and refused if they lead out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from corpora.splits import Layout
from delivery.inference.predictor import open_model
from delivery.inference.settings import SETTINGS, ModelSettings, read_settings, write_settings
from foundation.errors import UserError
from search_spaces.choices import BrokenRows, Quoting
from search_spaces.schema import Columns
from trainables.tasks.task import Limits

#: As the version before wrote it.
OLD: dict[str, Any] = {
    "study": "oldtrain",
    "trial": "oldtrain-0000",
    "task": "classification",
    "task_options": {"labels": ["0", "1"]},
    "columns": {"id": "id", "source": "document", "pair": None, "target": "label", "header": ["label", "text"]},
    "quoting": "auto",
    "broken_rows": "stop",
    "file_labels": None,
    "strip_whitespace": False,
    "max_source_length": 128,
    "max_target_length": 100,
    "special_tokens": [],
    "summary": {"study": "oldtrain", "metric": "accuracy"},
}


def exported(folder: Path, **changes: Any) -> Path:
    """A folder with settings and nothing else."""
    folder.mkdir(parents=True)
    (folder / SETTINGS).write_text(json.dumps({**OLD, **changes}), encoding="utf-8")
    return folder


def test_settings_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    """Every field."""
    settings = ModelSettings(
        study="s",
        trial="s-0001",
        task="classification",
        task_options={"labels": ["a", "b"]},
        columns=Columns(None, "text", "second", "label", ("label", "text")),
        quoting=Quoting.NONE,
        broken_rows=BrokenRows.SKIP,
        file_labels={"0": "a"},
        strip_whitespace=True,
        max_source_length=8,
        max_target_length=4,
        special_tokens=["<x>"],
        summary={"metric": "accuracy"},
        members=["0-s"],
    )
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings


def test_settings_of_the_version_before_are_read(tmp_path: Path) -> None:
    """With the layout of its files, and its lengths."""
    settings = read_settings(exported(tmp_path / "model"))
    columns = {"id": "id", "source": "document", "pair": None, "target": "label"}
    assert settings.layout == Layout(columns, ("label", "text"), Quoting.AUTO, BrokenRows.STOP, None, ("label",))
    assert settings.limits == Limits(128, 100)
    assert settings.members == []
    ensemble = {name: value for name, value in OLD.items() if name != "summary"} | {"members": ["0-a", "1-b"]}
    (tmp_path / "model" / SETTINGS).write_text(json.dumps(ensemble), encoding="utf-8")
    assert read_settings(tmp_path / "model") == replace(settings, summary=None, members=["0-a", "1-b"])


@pytest.mark.parametrize("member", ["../other", "/etc", "..", "", "a/../../other"])
def test_members_are_in_the_folder(tmp_path: Path, member: str) -> None:
    """A member elsewhere would be loaded from there."""
    exported(tmp_path / "other")
    folder = exported(tmp_path / "both", members=["0-fine", member])
    with pytest.raises(UserError, match="is not a plain file name") as caught:
        open_model(folder)
    assert str(folder / SETTINGS) in caught.value.problem


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"members": {"../x": 1}}, r"members is \{'../x': 1\}"),
        ({"members": ["0-fine", None]}, r"members\[1\] is None"),
        ({"task_options": {"labels": [0, 1]}}, r"task_options: labels\[0\] is 0"),
        ({"task_options": {"labels": ["a", "a"]}}, r"task_options: labels is \['a', 'a'\]"),
        ({"max_source_length": 0}, "max_source_length is 0"),
        ({"study": "../../x"}, "is not a plain file name"),  # `ensemble` makes a folder of it
    ],
)
def test_damaged_settings_are_refused(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    """The message names the field."""
    with pytest.raises(UserError, match=problem):
        read_settings(exported(tmp_path / "model", **changes))


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """`ensemble` would copy their targets."""
    folder = exported(tmp_path / "model")
    (folder / "inside").symlink_to(SETTINGS)
    assert read_settings(folder).study == "oldtrain"
    (tmp_path / "named").symlink_to(folder)  # a link to the folder itself is the user's own
    assert read_settings(tmp_path / "named").study == "oldtrain"
    (folder / "config.json").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match=r"config\.json is a link to"):
        read_settings(folder)
