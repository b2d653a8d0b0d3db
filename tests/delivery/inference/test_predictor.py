"""Exported folders that somebody changed are refused before anything in them is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from delivery.inference.predictor import SETTINGS, open_model, read_settings
from foundation.errors import UserError


def exported(folder: Path, **settings: Any) -> Path:
    """A folder with settings and nothing else."""
    folder.mkdir(parents=True)
    usual = {"study": "mine", "task": "classification", "task_options": {}, "columns": {}, "max_source_length": 8}
    (folder / SETTINGS).write_text(json.dumps({**usual, **settings}))
    return folder


@pytest.mark.parametrize("member", ["../other", "/etc", "..", "", None, 3, "a/../../other"])
def test_members_lie_in_the_folder(tmp_path: Path, member: object) -> None:
    """A member elsewhere would be loaded from there."""
    exported(tmp_path / "other")
    folder = exported(tmp_path / "both", members=["0-fine", member])
    with pytest.raises(UserError, match="is not a plain file name") as caught:
        open_model(folder)
    assert str(folder / SETTINGS) in caught.value.problem


def test_members_are_a_list(tmp_path: Path) -> None:
    """Of one text, each letter would be a member."""
    with pytest.raises(UserError, match="is not a plain file name"):
        read_settings(exported(tmp_path / "both", members={"../x": 1}))


def test_the_name_of_the_study_is_a_name(tmp_path: Path) -> None:
    """`ensemble` makes a folder of it."""
    with pytest.raises(UserError, match="is not a plain file name"):
        read_settings(exported(tmp_path / "model", study="../../x"))


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """`ensemble` would copy what they lead to."""
    folder = exported(tmp_path / "model")
    (folder / "inside").symlink_to(SETTINGS)
    assert read_settings(folder)["study"] == "mine"
    (tmp_path / "named").symlink_to(folder)  # how the user names the folder is the user's own
    assert read_settings(tmp_path / "named")["study"] == "mine"
    (folder / "config.json").symlink_to("/etc/hostname")
    with pytest.raises(UserError, match=r"config\.json is a link to"):
        read_settings(folder)
