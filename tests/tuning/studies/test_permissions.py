"""Permissions of study folders, in storage folders that may be shared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces.schema import Space
from tuning.studies.permissions import make_private, private_cache
from tuning.studies.study import Study


def rights(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_only_the_owner_can_enter_a_study(tmp_path: Path) -> None:
    """Whatever the umask; the storage folder has the usual permissions, so that others can keep studies in it."""
    before = os.umask(0o002)
    try:
        study = Study.create(Space(), tmp_path / "runs", "mine")
        make_private(study.paths.cache, exist_ok=True)
    finally:
        os.umask(before)
    assert rights(study.paths.root) == 0o700
    assert rights(study.paths.cache) == 0o700
    assert rights(tmp_path / "runs") == 0o775


def test_an_existing_folder_keeps_its_permissions(tmp_path: Path) -> None:
    """A cache that was opened to a group stays open."""
    (tmp_path / ".cache").mkdir(mode=0o750)
    make_private(tmp_path / ".cache", exist_ok=True)
    assert rights(tmp_path / ".cache") == 0o750
    with pytest.raises(FileExistsError):
        make_private(tmp_path / ".cache")


def test_each_user_has_a_cache_in_a_shared_storage_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first user's is `.cache`; others cannot write it and get their own."""
    assert private_cache(tmp_path) == tmp_path / ".cache"
    (tmp_path / ".cache").mkdir()
    assert private_cache(tmp_path) == tmp_path / ".cache"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert private_cache(tmp_path) == tmp_path / f".cache-{os.getuid()}"
