"""A study: one search and its folder. This module alone knows every path in it.

<storage>/<study>/
    study.yaml        the resolved space: what `resume` reads
    data.json         splits: path, rows, sha256; what was cut
    optuna.db         Optuna's study (SQLite), readable by optuna-dashboard at any time
    base_model/       weights and tokenizer that every trial starts from
    trials/<id>/      trial.json (record), job.json, checkpoints/, error.txt
    wandb/            offline runs
    best_model/       the exported model
    summary.json      what came out
    log.txt           what was told while it ran
    ray/              Ray's own files
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from search_spaces.errors import COMMAND, UserError, nearest
from search_spaces.schema import Space, from_dict
from trainables.metrics import best_of

RUNNING, COMPLETED, PRUNED, FAILED = "running", "completed", "pruned", "failed"


@dataclass(frozen=True)
class Paths:
    """Every path of a study."""

    root: Path

    @property
    def space(self) -> Path:
        return self.root / "study.yaml"

    @property
    def data(self) -> Path:
        return self.root / "data.json"

    @property
    def optuna(self) -> Path:
        return self.root / "optuna.db"

    def base_model(self, variant: str = "") -> Path:
        """The model that trials start from, one for each tokenizer that is searched."""
        return self.root / "base_model" / (variant or "given")

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    @property
    def best_model(self) -> Path:
        return self.root / "best_model"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def ray(self) -> Path:
        return self.root / "ray"

    @property
    def sample(self) -> Path:
        return self.root / "sample_data"

    @property
    def cache(self) -> Path:
        """Tokenised tables, shared by all studies of one storage and keyed by content."""
        return self.root.parent / ".cache"

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id

    def checkpoints(self, trial_id: str) -> Path:
        return self.trial(trial_id) / "checkpoints"


@dataclass(frozen=True)
class Result:
    """One evaluation of one trial. `order` counts all results of the study, in the order they came."""

    order: int
    epoch: float
    step: int
    metrics: dict[str, float]
    seconds: float  # since the trial (re)started


@dataclass
class TrialRecord:
    """What is known of a trial; its own file, rewritten whole at every change."""

    number: int
    trial_id: str
    parameters: dict[str, Any]  # what the sampler chose
    config: dict[str, Any]  # with what is fixed
    max_epochs: float
    is_default: bool = False
    status: str = RUNNING
    reason: str = ""
    results: list[Result] = field(default_factory=list)
    sittings: int = 1  # times the study was begun or resumed while this trial ran

    @property
    def had_enough(self) -> bool:
        """Whether the trial completed before its last epoch: its own patience was at an end."""
        return self.status == COMPLETED and self.results[-1].epoch < self.max_epochs - 1e-6

    def values(self, metric: str) -> dict[float, float]:
        """Epoch -> value of `metric`."""
        return {result.epoch: result.metrics[metric] for result in self.results}

    def best_epoch(self, metric: str, mode: str) -> float | None:
        """The epoch with the trial's best value; its model is the one that is kept."""
        epoch: float | None = best_of(self.values(metric), mode)
        return epoch

    def best_value(self, metric: str, mode: str, until: float = math.inf) -> float | None:
        """The best value of `metric` in the epochs up to `until`; None before the first."""
        values = {epoch: value for epoch, value in self.values(metric).items() if epoch <= until}
        epoch = best_of(values, mode)
        return None if epoch is None else values[epoch]


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all, and durably."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with staging.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.flush()
        os.fsync(file.fileno())
    staging.replace(path)


class Study:
    """The records of a study, and whoever listens to their changes."""

    def __init__(self, space: Space, paths: Paths, name: str) -> None:
        self.space, self.paths, self.name = space, paths, name
        self.records: dict[str, TrialRecord] = {}
        self.listeners: list[Callable[[], None]] = []
        self._order = 0

    def __getstate__(self) -> dict[str, Any]:
        # Ray Tune pickles whoever proposes trials, and with it this; listeners are of this process alone.
        return {**self.__dict__, "listeners": []}

    @property
    def metric(self) -> str:
        return str(self.space.metric)

    @property
    def mode(self) -> str:
        assert self.space.mode is not None  # resolved when the space was checked
        return self.space.mode

    @classmethod
    def create(cls, space: Space, storage: Path, name: str) -> Study:
        """A new study.

        Raises:
            UserError: one of that name is there already. Nothing is ever overwritten.
        """
        paths = Paths((storage / name).resolve())
        try:
            paths.root.mkdir(parents=True)
        except FileExistsError:
            raise UserError(
                f"study {name!r} is in {storage} already",
                "a new name: a study is never overwritten",
                f"{COMMAND} resume {name}, or --study ANOTHER-NAME",
            ) from None
        paths.trials.mkdir()
        study = cls(space, paths, name)
        study.save_space()
        return study

    @contextmanager
    def tentative(self) -> Iterator[Callable[[], None]]:
        """Removes the folder, so that its name stays free, if a `UserError` comes before what this gives was called."""
        kept: list[bool] = []
        try:
            yield lambda: kept.append(True)
        except UserError:
            if not kept:
                shutil.rmtree(self.paths.root)
            raise

    @classmethod
    def load(cls, storage: Path, name: str) -> Study:
        """The study called `name`, with its records.

        Raises:
            UserError: there is none.
        """
        paths = Paths((storage / name).resolve())
        if not paths.space.is_file():
            known = [path.parent.name for path in sorted(storage.glob("*/study.yaml"))]
            raise UserError(
                f"there is no study {name!r} in {storage}",
                ", ".join(known) or "none yet: start one with kotune tune",
                nearest(name, known) or "name one of them, or --storage FOLDER where it lies",
            )
        space = from_dict(yaml.safe_load(paths.space.read_text(encoding="utf-8")), str(paths.space))
        study = cls(space, paths, name)
        study._load_records()
        return study

    def _load_records(self) -> None:
        found = [
            json.loads(path.read_text(encoding="utf-8")) for path in sorted(self.paths.trials.glob("*/trial.json"))
        ]
        for entry in sorted(found, key=lambda entry: int(entry["number"])):
            entry["results"] = [Result(**result) for result in entry["results"]]
            record = TrialRecord(**entry)
            self.records[record.trial_id] = record
        self._order = max((result.order for record in self.records.values() for result in record.results), default=0)

    def save_space(self) -> None:
        """Write the resolved space."""
        text = yaml.safe_dump(self.space.to_dict(), allow_unicode=True, sort_keys=False)
        staging = self.paths.space.with_suffix(".tmp")
        staging.write_text(text, encoding="utf-8")
        staging.replace(self.paths.space)

    # ---- records

    def begin(self, record: TrialRecord) -> None:
        """A trial starts, or goes on in a new sitting."""
        self.records[record.trial_id] = record
        self.paths.trial(record.trial_id).mkdir(parents=True, exist_ok=True)
        self._changed(record)

    def add(self, trial_id: str, epoch: float, step: int, metrics: Mapping[str, float], seconds: float) -> bool:
        """Keep a result; False for one that is known already (a trial repeats what a crash swallowed)."""
        record = self.records[trial_id]
        if record.results and epoch <= record.results[-1].epoch:
            return False
        self._order += 1
        record.results.append(Result(self._order, epoch, step, dict(metrics), seconds))
        self._changed(record)
        return True

    def end(self, trial_id: str, status: str, reason: str = "") -> None:
        """A trial is over."""
        record = self.records[trial_id]
        record.status, record.reason = status, reason
        self._changed(record)

    def _changed(self, record: TrialRecord) -> None:
        write_json(self.paths.trial(record.trial_id) / "trial.json", asdict(record))
        for listener in self.listeners:
            listener()

    # ---- questions

    def with_status(self, *statuses: str) -> list[TrialRecord]:
        return [record for record in self.records.values() if record.status in statuses]

    def ranked(self, records: Iterable[TrialRecord] | None = None) -> list[TrialRecord]:
        """Records that have a value, best first; the earlier trial wins a tie."""
        entries = self.records.values() if records is None else records
        valued = [(record.best_value(self.metric, self.mode), record) for record in entries if record.status != FAILED]
        sign = -1 if self.mode == "max" else 1
        known = [(sign * value, record.number, record) for value, record in valued if value is not None]
        return [record for *_, record in sorted(known, key=lambda entry: entry[:2])]

    @property
    def default(self) -> TrialRecord | None:
        """The recipe default's trial."""
        return next((record for record in self.records.values() if record.is_default), None)
