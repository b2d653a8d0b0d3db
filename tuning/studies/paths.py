"""Every path of a study. This module alone knows them.

<storage>/<study>/
    study.yaml        the resolved space: what `resume` reads
    data.json         splits: path, rows, sha256; what was cut
    optuna.db         Optuna's study (SQLite), readable by optuna-dashboard at any time
    base_model/       weights and tokenizer that every trial starts from
    trials/<id>/      trial.json (record), job.json, checkpoints/, error.txt
    wandb/            offline runs
    best_model/       the exported model
    summary.json      what came out
    memory/           batches that fit into memory, where the first did not
    log.txt           what was told while it ran
    progress.json     slots, machines and the time left, for `status`
    ray/              Ray's own files
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from foundation.buckets import join
from foundation.errors import COMMAND
from foundation.safe_paths import plain_name
from tuning.studies.permissions import private_cache
from tuning.studies.storage import Storage


@dataclass(frozen=True)
class Paths:
    """Every path of a study.

    Args:
        bucket: its address where it lies in a bucket; `root` is then where this machine works on it.
    """

    root: Path
    bucket: str = ""

    @classmethod
    def of(cls, storage: Storage, name: str) -> Paths:
        return cls((storage.folder / name).resolve(), join(storage.bucket, name) if storage.bucket else "")

    @property
    def storage(self) -> str:
        """What `--storage` names."""
        return self.bucket.rpartition("/")[0] or str(self.root.parent)

    def command(self, verb: str, *options: str) -> str:
        """What to type to have this study resumed, exported or shown, from anywhere that sees its storage."""
        return f"{COMMAND} {shlex.join([verb, self.root.name, '--storage', self.storage, *options])}"

    def address(self, path: Path) -> str:
        """What other machines call a path in the storage: the same, or its address in the bucket."""
        if not self.bucket:
            return str(path)
        return join(self.bucket.rpartition("/")[0], *path.relative_to(self.root.parent).parts)

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
        return self.root / "base_model" / plain_name(variant or "given", f"tokenizer of {self.root}")

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
    def progress(self) -> Path:
        """What `status` tells beside the records, while the study is at work."""
        return self.root / "progress.json"

    @property
    def ray(self) -> Path:
        return self.root / "ray"

    @property
    def holder(self) -> Path:
        """Who works on the study now; see `lock`. Beside a study in a bucket, since it is made under the lock."""
        return self.root.with_name(f".{self.root.name}.running.json") if self.bucket else self.root / ".running.json"

    @property
    def memory(self) -> Path:
        """What is known to fit into memory."""
        return self.root / "memory"

    @property
    def sample(self) -> Path:
        return self.root / "sample_data"

    @property
    def copies(self) -> Path:
        """Of the data files, where other machines are to find them."""
        return self.root / "given_data"

    @property
    def cache(self) -> Path:
        """Tokenised tables, shared by all studies of one storage and keyed by content."""
        return private_cache(self.root.parent)

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id

    def checkpoints(self, trial_id: str) -> Path:
        return self.trial(trial_id) / "checkpoints"

    def shelf(self, trial_id: str) -> str:
        """Where a trial's checkpoints lie: those in a bucket are fetched only when they are needed."""
        return self.address(self.checkpoints(trial_id))
