"""Small models, trained in this process and exported."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corpora.samples import reviews, satisfaction

if TYPE_CHECKING:  # the heavy imports are paid by the tests that need them
    from delivery.results.summary import Summary


@dataclass(frozen=True)
class Trained:
    """A study of one configuration: its data files by split, and its summary."""

    name: str
    storage: Path
    files: dict[str, Path]
    summary: Summary

    @property
    def model(self) -> Path:
        return self.storage / self.name / "best_model"


def trained(
    space: str, name: str, storage: Path, files: dict[str, Path], sets: Sequence[str] = (), **options: Any
) -> Trained:
    """Trains a tiny model for one epoch, or as `sets` say."""
    from delivery.sessions import session
    from delivery.sessions.space_options import one_configuration, resolve_space
    from delivery.sessions.study_request import StudyRequest
    from tuning.studies.storage import storage_at

    values = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny", **options}
    quick = ["num_train_epochs=1", "per_device_train_batch_size=16", "wandb.mode=disabled", *sets]
    resolved = resolve_space(space, values, quick, [], None)
    request = StudyRequest(one_configuration(resolved, None), name, storage_at(storage))
    return Trained(name, storage, files, session.start(request, io.StringIO()).summary)


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of the studies of these tests."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def review_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Reviews, with dev and test splits whose sizes are no multiple of a batch."""
    return reviews.write_samples(tmp_path_factory.mktemp("reviews"), train=300, dev=41, test=23)


@pytest.fixture(scope="session")
def cnn(storage: Path, review_files: dict[str, Path]) -> Trained:
    """A convolutional network after three epochs on 300 reviews."""
    return trained("cnn", "cnn-study", storage, review_files, ["num_train_epochs=3", "learning_rate=5e-3"])


@pytest.fixture(scope="session")
def rnn(storage: Path, review_files: dict[str, Path]) -> Trained:
    """A recurrent network with the same classes."""
    return trained("rnn", "rnn-study", storage, review_files, ["learning_rate=5e-3", "vocabulary=1000"])


@pytest.fixture(scope="session")
def sts(storage: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A regressor of text pairs, which rounds to one decimal."""
    files = satisfaction.write_samples(tmp_path_factory.mktemp("pairs"), train=64, dev=16, test=8)
    return trained("sts", "sts-study", storage, files)
