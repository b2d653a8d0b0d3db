"""Checkpoints in a bucket behave as those in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation import bucket_copies, buckets
from trainables.training import checkpoints
from trainables.training.checkpoint_store import MANIFEST

pytestmark = pytest.mark.timeout(60)

_MODEL, _RESUME = ("config.json", "model.safetensors"), ("evaluations.json", "optimizer.pt", "rng_state.pth")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a trial keeps its checkpoints."""
    if request.param == "folder":
        return str(tmp_path / "checkpoints")
    return buckets.join(request.getfixturevalue("bucket"), "runs", "s", "trials", "t", "checkpoints")


def save(place: str, step: int, content: bytes = b"x", *, resumable: bool = True) -> checkpoints.Checkpoint:
    """A complete checkpoint, of an epoch of ten steps."""
    staged = checkpoints.staging(place, step)
    staged.mkdir(parents=True)
    for name in (*_MODEL, *(_RESUME if resumable else ())):
        (staged / name).write_bytes(content * step)
    return checkpoints.complete(place, step, epoch=step / 10, resumable=resumable)


def test_complete_checkpoints_are_listed_and_read(place: str) -> None:
    """Oldest first; a step that is saved again replaces the first."""
    assert checkpoints.list_complete(place) == []
    second, first = save(place, 20), save(place, 10)
    assert checkpoints.list_complete(place) == [first, second]
    again = save(place, 20, b"y", resumable=False)
    assert checkpoints.list_complete(place) == [first, again]
    assert (again.local_folder() / "model.safetensors").read_bytes() == b"y" * 20
    assert checkpoints.newest_resumable(place) == first


def test_incomplete_checkpoints_are_skipped(place: str) -> None:
    """Without a manifest, with a truncated file, or with a missing file."""
    whole = save(place, 10)
    for step, file, content in ((20, MANIFEST, None), (30, "model.safetensors", b"x"), (40, "config.json", None)):
        address = buckets.join(str(save(place, step).path), file)
        buckets.remove(address)
        if content is not None:
            buckets.write(address, content)
    assert checkpoints.list_complete(place) == [whole]
    assert checkpoints.newest_intact(place) == whole


def test_a_damaged_checkpoint_is_deleted(place: str) -> None:
    """The previous one is used."""
    first, second = save(place, 10), save(place, 20)
    buckets.write(buckets.join(str(second.path), "optimizer.pt"), b"y" * 20)
    assert checkpoints.newest_intact(place) == first
    assert checkpoints.list_complete(place) == [first]


def test_an_ended_trial_keeps_its_model_only(place: str) -> None:
    """The best one without optimizer state; incomplete ones are deleted."""
    best, _ = save(place, 10), save(place, 20)
    checkpoints.upload(place, 30, [])
    checkpoints.prune(place, keep_epochs={1.0}, keep_newest=False)
    (best_model,) = checkpoints.list_complete(place)
    assert (best_model.path, best_model.resumable) == (best.path, False)
    assert sorted(file.name for file in best_model.local_folder().iterdir()) == sorted([*_MODEL, MANIFEST])
    checkpoints.remove_all(place)
    assert checkpoints.list_complete(place) == []


def test_a_running_trial_keeps_its_best_and_its_newest_checkpoint(place: str) -> None:
    """The newest one is resumable."""
    points = [save(place, step) for step in (10, 20, 30)]
    checkpoints.prune(place, keep_epochs={1.0}, keep_newest=True)
    assert [point.path for point in checkpoints.list_complete(place)] == [points[0].path, points[2].path]
    assert checkpoints.newest_resumable(place) == points[2]


def test_workers_of_several_machines_save_one_checkpoint(bucket: str, tmp_path: Path) -> None:
    """Each uploads its own random state, and a resumed trial reads all of them."""
    place = buckets.join(bucket, "checkpoints")
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setattr(bucket_copies.tempfile, "gettempdir", lambda: str(tmp_path))
        staged = checkpoints.staging(place, 10)
        staged.mkdir(parents=True)
        (staged / "rng_state_1.pth").write_bytes(b"other")
        checkpoints.upload(place, 10, ["rng_state_1.pth"])
    assert checkpoints.list_complete(place) == []
    point = save(place, 10)
    assert (point.local_folder() / "rng_state_1.pth").read_bytes() == b"other"
    assert checkpoints.newest_intact(place) == point


def test_a_damaged_local_copy_is_downloaded_again(bucket: str) -> None:
    """The checkpoint in the bucket is not deleted."""
    place = buckets.join(bucket, "checkpoints")
    point = save(place, 10)
    (point.local_folder() / "optimizer.pt").write_bytes(b"y" * 10)
    assert checkpoints.newest_intact(place) == point
    assert (point.local_folder() / "optimizer.pt").read_bytes() == b"x" * 10
