"""The private points of Ray Tune that kotune uses, each by its name: an upgrade that removes one fails here."""

from __future__ import annotations

from pathlib import Path

import pytest
from ray.train._internal import storage
from ray.tune.experiment import Trial

from tuning.algorithms.tune_internals import last_error, reset_failures


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A trial that may fail once."""
    monkeypatch.setattr(storage, "_get_ray_train_session_dir", lambda: str(tmp_path / "session"))  # Ray has no session
    context = storage.StorageContext(str(tmp_path), "experiment", trial_dir_name="trial")
    trial = Trial("a trainable", stub=True, max_failures=1, storage=context)
    Path(trial.local_path).mkdir(parents=True, exist_ok=True)
    return trial


def test_run_metadata_num_failures(trial: Trial) -> None:
    """Tune decides by this number whether it starts a trial again."""
    for _ in range(2):
        trial.handle_error(RuntimeError("lost"))
    assert not trial.should_recover()
    reset_failures(trial)
    assert trial.should_recover()


def test_get_error(trial: Trial) -> None:
    """The text of every error so far, newest last."""
    assert last_error(trial) == ""
    for reason in ("first", "the actor died\nModuleNotFoundError: no kotune\n"):
        trial.handle_error(RuntimeError(reason))
    text = Path(trial.error_file).read_text()
    assert text.count("Failure #") == 2
    Path(trial.storage.trial_fs_path).mkdir(parents=True, exist_ok=True)
    (Path(trial.storage.trial_fs_path) / Path(trial.error_file).name).write_text(text)
    assert last_error(trial) == "ModuleNotFoundError: no kotune"
