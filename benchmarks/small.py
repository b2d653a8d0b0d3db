"""Small studies for benchmarks and tests: real in every part, seconds long."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from corpora.samples.dialogues import write_samples
from delivery.sessions.tune_request import resolve_space
from search_spaces.schema import Space
from trainables.slots.slot import Shape
from tuning import preparation
from tuning.cluster.resources import Plan
from tuning.display.live import open_view
from tuning.search import Search
from tuning.studies.material import Material
from tuning.studies.study import Study

#: Parameters of a trial that takes a fraction of a second: two epochs of a few steps on rows that are cut short.
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
    "metric=loss",  # ROUGE is 0 for so short a training
)


def small_space(folder: Path, sets: Sequence[str] = (), ranges: Sequence[str] = (), rows: int = 64) -> Space:
    """The kobart space on `rows` sample dialogues (a quarter as many in dev), with `sets` and `ranges` on top."""
    files = write_samples(folder / "data", train=rows, dev=max(8, rows // 4), test=8)
    options = {f"data.{split}": str(path) for split, path in files.items()} | {"model": "scratch:tiny"}
    return resolve_space("kobart", options, [*_QUICK, *sets], list(ranges), None)


def small_study(folder: Path, name: str, space: Space) -> tuple[Study, Material]:
    """A new study of `space` under `folder`, ready to run."""
    study = Study.create(space, folder / "runs", name)
    return study, preparation.prepare(study, preparation.read(space), lambda text: None)


def sitting(study: Study, material: Material, slots: int = 1, workers: int = 1) -> Search:
    """A search over `study` that shows nothing; Ray must be running."""
    plan = Plan(slots, Shape(workers, 0.9, 0.0))
    return Search(study, material, plan, None, open_view(io.StringIO(), quiet=True))
