"""Damaged checkpoints, base models and exported folders are never exported or used as if they were intact."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from corpora.samples import reviews
from delivery.exports.export import ModelReplaced
from delivery.inference.settings import SETTINGS, read_settings
from delivery.sessions.finalize import export_study
from delivery.sessions.status import study_status
from delivery.sessions.study_data import check_folders
from foundation.durable import write_json
from foundation.errors import UserError
from foundation.statuses import TrialStatus
from tests.bad_inputs.workshop import studied
from trainables.training import checkpoints
from tuning.studies.material import Material
from tuning.studies.records import TrialRecord
from tuning.studies.storage import Storage, storage_at
from tuning.studies.study import Study
from tuning.tokenizers import variant_of


@pytest.fixture(scope="module")
def two_trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with a study of two trials that were not trained; the second is better."""
    folder = tmp_path_factory.mktemp("two")
    files = reviews.write_samples(folder / "data", train=40, dev=12, test=6)
    study = studied(folder / "runs", "mine", "cnn", files, ["vocabulary=200", "checkpoints.keep_best=2"])
    first = study.records["mine-0000"]
    record = TrialRecord(1, "mine-0001", {}, dict(first.config), 1.0)
    study.begin(record)
    staging = checkpoints.staging(study.paths.checkpoints(record.trial_id), 3)
    shutil.copytree(study.paths.base_model(variant_of(study.records["mine-0000"].config)), staging)
    checkpoints.complete(study.paths.checkpoints(record.trial_id), 3, epoch=1.0, resumable=False)
    study.add(record.trial_id, 1.0, 3, {study.metric: 0.75, "loss": 0.5}, 1.0)
    study.end(record.trial_id, TrialStatus.COMPLETED)
    return folder / "runs"


@pytest.fixture
def storage(two_trials: Path, tmp_path: Path) -> Storage:
    """A copy of it."""
    return storage_at(Path(shutil.copytree(two_trials, tmp_path / "runs")))


def flip_a_bit(path: Path) -> None:
    """Changes one bit in the middle; the size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def weights(storage: Storage) -> Path:
    """The weights of the best trial."""
    return storage.folder / "mine" / "trials" / "mine-0001" / "checkpoints" / "step-00000003" / "model.safetensors"


@pytest.mark.parametrize("damage", [Path.unlink, flip_a_bit])
def test_export_refuses_to_take_another_model(
    damage: object, storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --next-best it takes the next one, and says so; `kotune.json` names the trial that it has."""
    damage(weights(storage))  # type: ignore[operator]
    with pytest.raises(ModelReplaced, match=r"the model of trial mine-0001 \(accuracy 0\.7500\) is") as caught:
        export_study("mine", storage, tmp_path / "out")
    assert "export mine" in caught.value.todo
    assert "--next-best" in caught.value.todo
    assert not (tmp_path / "out").exists()
    export_study("mine", storage, tmp_path / "out", next_best=True)
    assert read_settings(tmp_path / "out").trial == "mine-0000"
    printed = capsys.readouterr().err
    assert "the model of trial mine-0001" in printed
    assert "exported instead: trial mine-0000" in printed


def test_status_says_that_the_best_model_is_lost(storage: Storage) -> None:
    """Beside the name of the trial."""
    weights(storage).unlink()
    assert any("mine-0001 (accuracy 0.7500) is lost" in line for line in study_status("mine", storage).warnings)


def test_export_writes_checksums_of_what_transformers_reads(storage: Storage, tmp_path: Path) -> None:
    """Whatever changes later is refused with the name of the file, before anything is loaded."""
    folder = Path(export_study("mine", storage, tmp_path / "out"))
    files = read_settings(folder).files
    assert files.keys() == {path.name for path in folder.iterdir()} - {SETTINGS, "README.md"}
    for name in files:
        before = (folder / name).read_bytes()
        for damage in (flip_a_bit, Path.unlink, lambda path: path.write_bytes(b"")):
            damage(folder / name)
            with pytest.raises(UserError, match=f"{name} is missing, or has changed since the export"):
                read_settings(folder)
            (folder / name).write_bytes(before)
    (folder / "README.md").write_text("my own words")
    read_settings(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_base_model_that_changed_is_not_used(name: str, storage: Storage, tmp_path: Path) -> None:
    """Later trials would start from another model, and an export would have another tokenizer."""
    study = Study.load(storage, "mine")
    base = study.paths.base_model(variant_of(study.records["mine-0000"].config))
    flip_a_bit(base / name)
    for use in (
        lambda: check_folders(study, Material.load(study.paths)),
        lambda: export_study("mine", storage, tmp_path / "out"),
    ):
        with pytest.raises(UserError, match=f"{base} has changed since the study was prepared"):
            use()


def test_studies_of_earlier_versions_have_fewer_checksums(storage: Storage) -> None:
    """Of weights and tokenizer."""
    study = Study.load(storage, "mine")
    material = Material.load(study.paths)
    assert material is not None
    older = {name: value for name, value in material.hashes.items() if not name.startswith("base_model_files")}
    write_json(study.paths.data, {**json.loads(study.paths.data.read_text()), "hashes": older})
    flip_a_bit(study.paths.base_model(variant_of(study.records["mine-0000"].config)) / "config.json")
    check_folders(study, Material.load(study.paths))
    flip_a_bit(study.paths.base_model(variant_of(study.records["mine-0000"].config)) / "model.safetensors")
    with pytest.raises(UserError, match="has changed"):
        check_folders(study, Material.load(study.paths))
