"""Checkpoints: complete or skipped, and pruned to what is needed."""

import json
import os
import shutil
import zlib
from pathlib import Path

import pytest

from trainables.models.hub import load_model
from trainables.training.checkpoint_store import MANIFEST
from trainables.training.checkpoints import (
    Checkpoint,
    complete,
    list_complete,
    newest_intact,
    newest_resumable,
    prune,
    staging,
)

MODEL = ("config.json", "generation_config.json", "model.safetensors")
RESUME = ("optimizer.pt", "rng_state.pth", "scheduler.pt", "trainer_state.json")


def stage(folder: Path, step: int) -> Path:
    """A checkpoint of `step` before it is complete: each file has `step` bytes."""
    staged = staging(folder, step)
    staged.mkdir(parents=True)
    for name in (*MODEL, *RESUME):
        (staged / name).write_bytes(b"x" * step)
    return staged


def saved(folder: Path, step: int, *, resumable: bool = True) -> Checkpoint:
    """A complete checkpoint, with 10 steps per epoch."""
    stage(folder, step)
    return complete(folder, step, epoch=step / 10, resumable=resumable)


def steps(folder: Path) -> list[int]:
    """Steps of the complete checkpoints."""
    return [point.step for point in list_complete(folder)]


def names(point: Checkpoint) -> list[str]:
    """Files of a checkpoint."""
    return sorted(path.name for path in point.local_folder().iterdir())


def test_a_complete_checkpoint_is_listed_as_it_was_made(tmp_path: Path) -> None:
    """With step, epoch and whether it is resumable; oldest first; nothing staged remains."""
    later, earlier = saved(tmp_path, 110), saved(tmp_path, 20, resumable=False)
    assert list_complete(tmp_path) == [earlier, later]
    assert later == Checkpoint(tmp_path / "step-00000110", 110, 11.0, True, 11.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000020", "step-00000110"]


def test_the_manifest_names_every_file_with_its_size(tmp_path: Path) -> None:
    """And its checksum; without the manifest itself."""
    manifest = json.loads((saved(tmp_path, 3).local_folder() / MANIFEST).read_text())
    checks = dict.fromkeys((*MODEL, *RESUME), zlib.crc32(b"xxx"))
    files = dict.fromkeys((*MODEL, *RESUME), 3)
    expected = {"step": 3, "epoch": 0.3, "resumable": True, "files": files, "checks": checks, "evaluated": None}
    assert manifest == expected


def test_damaged_checkpoints_are_deleted(tmp_path: Path) -> None:
    """The previous one is used; without an intact one, training starts from the beginning."""
    first, second = saved(tmp_path, 10), saved(tmp_path, 20)
    (second.local_folder() / "optimizer.pt").write_bytes(b"y" * 20)
    assert newest_resumable(tmp_path) == second  # all sizes are right
    assert newest_intact(tmp_path) == first
    assert steps(tmp_path) == [10]
    (first.local_folder() / "model.safetensors").write_bytes(b"y" * 10)
    assert newest_intact(tmp_path) is None


def test_a_checkpoint_between_two_evaluations_has_the_epoch_of_the_last(tmp_path: Path) -> None:
    """Saved because the machine was about to be taken away."""
    stage(tmp_path, 15)
    point = complete(tmp_path, 15, epoch=1.5, resumable=True, evaluated=1.0)
    assert list_complete(tmp_path) == [point]
    assert (point.epoch, point.evaluated) == (1.5, 1.0)


def test_a_missing_folder_has_no_checkpoints(tmp_path: Path) -> None:
    """A trial that never saved one."""
    assert list_complete(tmp_path / "checkpoints") == []
    assert newest_resumable(tmp_path / "checkpoints") is None


def test_incomplete_checkpoints_are_not_listed(tmp_path: Path) -> None:
    """No manifest, half a manifest, a truncated file, a missing file, a missing field, or only staged."""
    whole = saved(tmp_path, 1)
    (saved(tmp_path, 2).local_folder() / MANIFEST).unlink()
    (saved(tmp_path, 3).local_folder() / MANIFEST).write_text('{"step": 3, "epo')
    (saved(tmp_path, 4).local_folder() / "model.safetensors").write_bytes(b"xxx")  # of 4 bytes
    (saved(tmp_path, 5).local_folder() / "config.json").unlink()
    (saved(tmp_path, 6).local_folder() / MANIFEST).write_text('{"step": 6}')
    stage(tmp_path, 7)
    assert list_complete(tmp_path) == [whole]


def test_a_crash_before_the_rename_completes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is in the staging folder; the rename completes the checkpoint."""
    stage(tmp_path, 1)

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        complete(tmp_path, 1, epoch=0.1, resumable=True)
    assert list_complete(tmp_path) == []
    assert (staging(tmp_path, 1) / MANIFEST).is_file()


def test_all_files_are_synced_before_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files and the staging folder are synced before, the parent after; else a power cut leaves empty files.

    So is the name of the folder of all checkpoints, in which the first one is saved.
    """
    folder = tmp_path / "checkpoints"
    stage(folder, 1)
    synced: list[str] = []
    really = os.fsync

    def noted(descriptor: int) -> None:
        paths = [tmp_path, *tmp_path.rglob("*")]
        name = next(path.name for path in paths if os.path.samestat(path.stat(), os.fstat(descriptor)))
        synced.append(f"{name}{' after' if (folder / 'step-00000001').exists() else ''}")
        really(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    complete(folder, 1, epoch=0.1, resumable=True)
    assert synced[:-1] == [tmp_path.name, *sorted((*MODEL, *RESUME, MANIFEST)), staging(folder, 1).name]
    assert synced[-1] == "checkpoints after"


def test_a_step_that_is_saved_again_replaces_the_first(tmp_path: Path) -> None:
    """As after a crash between saving and reporting."""
    (saved(tmp_path, 5).local_folder() / "evaluations_without_improvement.bin").write_bytes(b"old")
    again = saved(tmp_path, 5, resumable=False)
    assert list_complete(tmp_path) == [again]
    assert "evaluations_without_improvement.bin" not in names(again)


def test_training_resumes_from_the_newest_resumable_checkpoint(tmp_path: Path) -> None:
    """Newer ones that have only the model, or are incomplete, are skipped."""
    saved(tmp_path, 10)
    expected = saved(tmp_path, 20)
    saved(tmp_path, 30, resumable=False)
    (saved(tmp_path, 40).local_folder() / "optimizer.pt").unlink()
    assert newest_resumable(tmp_path) == expected


def test_pruning_keeps_the_best_and_the_newest(tmp_path: Path) -> None:
    """The best one loses its optimizer state, the newest one keeps it."""
    points = [saved(tmp_path, step) for step in (10, 20, 30, 40)]
    prune(tmp_path, keep_epochs={2.0}, keep_newest=True)
    assert steps(tmp_path) == [20, 40]
    assert names(points[1]) == sorted([*MODEL, MANIFEST])
    assert names(points[3]) == sorted([*MODEL, *RESUME, MANIFEST])
    assert newest_resumable(tmp_path) == points[3]


def test_the_newest_keeps_its_optimizer_state_if_it_is_the_best(tmp_path: Path) -> None:
    """Training resumes from it."""
    saved(tmp_path, 10)
    newest = saved(tmp_path, 20)
    prune(tmp_path, keep_epochs={2.0}, keep_newest=True)
    assert list_complete(tmp_path) == [newest]


def test_pruning_an_ended_trial_keeps_its_model_only(tmp_path: Path) -> None:
    """Nothing resumable and nothing staged; without a best one, nothing at all."""
    saved(tmp_path, 10)
    saved(tmp_path, 20)
    stage(tmp_path, 30)
    prune(tmp_path, keep_epochs={1.0}, keep_newest=False)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000010"]
    assert newest_resumable(tmp_path) is None
    prune(tmp_path, keep_epochs=set(), keep_newest=False)
    assert list(tmp_path.iterdir()) == []


def test_pruning_during_training_keeps_staged_files(tmp_path: Path) -> None:
    """Another checkpoint may be in writing."""
    saved(tmp_path, 10)
    staged = stage(tmp_path, 20)
    prune(tmp_path, keep_epochs=set(), keep_newest=True)
    assert staged.is_dir()


def test_a_checkpoint_without_optimizer_state_loads_as_a_model(tmp_path: Path, tiny_base: Path) -> None:
    """Complete, not resumable, with every weight; pruning again changes nothing."""
    staged = stage(tmp_path, 10)
    for name in MODEL:
        shutil.copy(tiny_base / name, staged / name)
    point = complete(tmp_path, 10, epoch=1.0, resumable=True)
    prune(tmp_path, keep_epochs={1.0}, keep_newest=False)
    (model_only,) = list_complete(tmp_path)
    assert model_only == Checkpoint(point.path, 10, 1.0, False, 1.0)
    assert names(model_only) == sorted([*MODEL, MANIFEST])
    prune(tmp_path, keep_epochs={1.0}, keep_newest=False)
    assert list_complete(tmp_path) == [model_only]
    assert load_model(str(model_only.local_folder())).num_parameters() == load_model(str(tiny_base)).num_parameters()


def test_the_random_states_of_all_workers_are_deleted(tmp_path: Path) -> None:
    """There is one file per worker."""
    staged = stage(tmp_path, 1)
    for name in ("rng_state_0.pth", "rng_state_1.pth", "scaler.pt", "training_args.bin"):
        (staged / name).write_bytes(b"x")
    point = complete(tmp_path, 1, epoch=0.1, resumable=True)
    prune(tmp_path, keep_epochs={point.epoch}, keep_newest=False)
    assert names(point) == sorted([*MODEL, MANIFEST])


def test_a_crash_during_pruning_leaves_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is replaced first, so the checkpoint is complete and not resumable."""
    point = saved(tmp_path, 10)

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        prune(tmp_path, keep_epochs={point.epoch}, keep_newest=False)
    assert steps(tmp_path) == [10]
    assert newest_resumable(tmp_path) is None
