"""What is kept of a study tells nothing of the machine it was run on."""

from __future__ import annotations

from benchmarks.keep import without_folders


def test_absolute_paths_are_cut_to_their_last_part() -> None:
    """At any depth; relative names, numbers and texts with a slash stay."""
    given = {"data": {"train": {"path": "/home/you/data/train.csv", "rows": 3}}, "model": "beomi/kcbert-base"}
    wanted = {"data": {"train": {"path": "train.csv", "rows": 3}}, "model": "beomi/kcbert-base"}
    assert without_folders([given, "/a/b"]) == [wanted, "b"]
