"""Small studies for benchmarks and tests: all parts are real, and a study takes seconds."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from corpora.samples.dialogues import write_samples
from delivery.sessions.space_options import resolve_space
from search_spaces.schema import Space
from trainables.slots.settings import Shape
from tuning import preparation
from tuning.cluster.resources import Plan
from tuning.display.live import open_view
from tuning.search import Search
from tuning.studies.material import Material
from tuning.studies.study import Study
from tuning.trainable import SlotTrainable

#: Parameters of a trial that takes a fraction of a second: two epochs of a few steps on truncated rows.
_QUICK = (
    "num_train_epochs=2",
    "per_device_train_batch_size=16",
    "per_device_eval_batch_size=16",
    "max_new_tokens=8",
    "max_source_length=32",
    "max_target_length=12",
    "rouge_tokenizer=whitespace",
    "wandb.mode=disabled",
    "num_beams=1",
    "metric=loss",  # ROUGE is 0 after so short a training
)


def small_space(folder: Path, sets: Sequence[str] = (), ranges: Sequence[str] = (), rows: int = 64) -> Space:
    """Returns the kobart space with `sets` and `ranges`, on `rows` sample dialogues and a quarter as many in dev."""
    files = write_samples(folder / "data", train=rows, dev=max(8, rows // 4), test=8)
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    return resolve_space("kobart", options, [*_QUICK, *sets], list(ranges), None)


def small_study(folder: Path, name: str, space: Space) -> tuple[Study, Material]:
    """Creates a study of `space` under `folder`, prepared to run."""
    study = Study.create(space, folder / "runs", name)
    return study, preparation.prepare(study, preparation.read(space), lambda text: None)


def make_search(
    study: Study, material: Material, slots: int = 1, workers: int = 1, trainable: type[SlotTrainable] = SlotTrainable
) -> Search:
    """Returns a search over `study` without a display; Ray must be running."""
    plan = Plan(slots, Shape(workers, 0.9, 0.0))
    return Search(study, material, plan, None, open_view(io.StringIO(), quiet=True), trainable=trainable)
