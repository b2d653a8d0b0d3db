"""Small models trained in this process and exported, for the tests of what comes out."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from corpora.samples import reviews, satisfaction


@dataclass(frozen=True)
class Trained:
    """A study of one configuration, its exported model, its files by split, and its summary."""

    name: str
    storage: Path
    files: dict[str, Path]
    summary: dict[str, Any]

    @property
    def model(self) -> Path:
        return self.storage / self.name / "best_model"


def trained(
    space: str, name: str, storage: Path, files: dict[str, Path], sets: Sequence[str] = (), **options: Any
) -> Trained:
    """What `train SPACE` leaves of a tiny model after an epoch or so."""
    from delivery.sessions.training import one_configuration, train
    from delivery.sessions.tune_request import TuneRequest, resolve_space
    from tuning.studies.storage import storage_at

    given = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny", **options}
    quick = ["num_train_epochs=1", "per_device_train_batch_size=16", "wandb.mode=disabled", *sets]
    resolved = resolve_space(space, given, quick, [], None)
    summary = train(
        TuneRequest(one_configuration(resolved, None), name, storage_at(storage), None), None, io.StringIO()
    )
    return Trained(name, storage, files, summary)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the studies of these tests lie."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def review_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reviews, with dev and test splits that do not share out evenly."""
    return reviews.write_samples(tmp_path_factory.mktemp("reviews"), train=300, dev=41, test=23)


@pytest.fixture(scope="session")
def cnn(storage: Path, review_files: dict[str, Path]) -> Trained:
    """A convolutional network that has seen 300 reviews three times."""
    return trained("cnn", "cnn-study", storage, review_files, ["num_train_epochs=3", "learning_rate=5e-3"])


@pytest.fixture(scope="session")
def rnn(storage: Path, review_files: dict[str, Path]) -> Trained:
    """A recurrent network of the same classes."""
    return trained("rnn", "rnn-study", storage, review_files, ["learning_rate=5e-3", "vocabulary=1000"])


@pytest.fixture(scope="session")
def sts(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A regressor of pairs, which rounds to one decimal."""
    files = satisfaction.write_samples(tmp_path_factory.mktemp("pairs"), train=64, dev=16, test=8)
    return trained("sts", "sts-study", storage, files)
