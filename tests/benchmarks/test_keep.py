"""The stored report of a study contains no folders of the machine."""

from __future__ import annotations

from benchmarks.keep import without_folders


def test_absolute_paths_are_cut_to_their_last_part() -> None:
    """At any depth; relative paths, numbers and model names with a slash are unchanged."""
    report = {"data": {"train": {"path": "/home/you/data/train.csv", "rows": 3}}, "model": "beomi/kcbert-base"}
    expected = {"data": {"train": {"path": "train.csv", "rows": 3}}, "model": "beomi/kcbert-base"}
    assert without_folders([report, "/a/b"]) == [expected, "b"]
