"""Study folders are their owner's, in storage folders that may be shared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from search_spaces.schema import Space
from tuning.studies.permissions import make_private, private_cache
from tuning.studies.study import Study


def rights(folder: Path) -> int:
    return folder.stat().st_mode & 0o777


def test_a_study_is_its_owners(tmp_path: Path) -> None:
    """Whatever the umask; the storage folder has the usual rights, so that others may keep studies there."""
    before = os.umask(0o002)
    try:
        study = Study.create(Space(), tmp_path / "runs", "mine")
        make_private(study.paths.cache, exist_ok=True)
    finally:
        os.umask(before)
    assert rights(study.paths.root) == 0o700
    assert rights(study.paths.cache) == 0o700
    assert rights(tmp_path / "runs") == 0o775


def test_a_folder_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    """A cache or study that somebody opened to a group stays open."""
    (tmp_path / ".cache").mkdir(mode=0o750)
    make_private(tmp_path / ".cache", exist_ok=True)
    assert rights(tmp_path / ".cache") == 0o750
    with pytest.raises(FileExistsError):
        make_private(tmp_path / ".cache")


def test_everybody_has_a_cache_in_a_shared_storage_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is `.cache`; who may not use it has one of their own."""
    assert private_cache(tmp_path) == tmp_path / ".cache"
    (tmp_path / ".cache").mkdir()
    assert private_cache(tmp_path) == tmp_path / ".cache"
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert private_cache(tmp_path) == tmp_path / f".cache-{os.getuid()}"
