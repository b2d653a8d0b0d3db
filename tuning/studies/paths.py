"""Every path of a study; no other module knows them.

<storage>/<study>/
    study.yaml        the resolved space, which `resume` reads
    resume_from.json  the checkpoint of another study that a training continues from
    data.json         splits (path, rows, sha256), task options, tables
    optuna.db         Optuna's study (SQLite), which optuna-dashboard can read at any time
    base_model/       weights and tokenizer that every trial starts from
    trials/<id>/      trial.json (record), job.json, checkpoints/, error.txt
    wandb/            offline runs
    best_model/       the exported model
    summary.json      the result
    memory/           batch sizes that fit into memory, where the first did not
    log.txt           the lines shown while it ran
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
        bucket: The study's address if it is in a bucket; `root` is then this machine's copy.
    """

    root: Path
    bucket: str = ""

    @classmethod
    def of(cls, storage: Storage, name: str) -> Paths:
        return cls((storage.folder / name).resolve(), join(storage.bucket, name) if storage.bucket else "")

    @property
    def storage(self) -> str:
        """The value of `--storage`."""
        return self.bucket.rpartition("/")[0] or str(self.root.parent)

    def command(self, verb: str, *options: str) -> str:
        """Returns the command that resumes, exports or shows this study, from any machine that can read its storage."""
        return f"{COMMAND} {shlex.join([verb, self.root.name, '--storage', self.storage, *options])}"

    def address(self, path: Path) -> str:
        """Returns a path in the storage as other machines see it: the same path, or its address in the bucket."""
        if not self.bucket:
            return str(path)
        return join(self.bucket.rpartition("/")[0], *path.relative_to(self.root.parent).parts)

    @property
    def space(self) -> Path:
        return self.root / "study.yaml"

    @property
    def resume_from(self) -> Path:
        """The checkpoint of another study that the only trial of this one continues from (`train --resume-from`)."""
        return self.root / "resume_from.json"

    @property
    def data(self) -> Path:
        return self.root / "data.json"

    @property
    def optuna(self) -> Path:
        return self.root / "optuna.db"

    def base_model(self, variant: str = "") -> Path:
        """Returns the folder of the model that trials start from; each searched tokenizer has its own."""
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
        """What `status` shows of a running session and no record holds."""
        return self.root / "progress.json"

    @property
    def ray(self) -> Path:
        return self.root / "ray"

    @property
    def lock_owner(self) -> Path:
        """The process that works on the study; see `lock`. Beside a study in a bucket, since the lock precedes it."""
        return self.root.with_name(f".{self.root.name}.running.json") if self.bucket else self.root / ".running.json"

    @property
    def memory(self) -> Path:
        """Batch sizes that fit into memory."""
        return self.root / "memory"

    @property
    def sample(self) -> Path:
        """The files of the embedded sample."""
        return self.root / "sample_data"

    @property
    def copies(self) -> Path:
        """Copies of the data files, for other machines."""
        return self.root / "given_data"

    @property
    def cache(self) -> Path:
        """Tokenized tables, shared by all studies of one storage and keyed by content."""
        return private_cache(self.root.parent)

    def trial(self, trial_id: str) -> Path:
        return self.trials / trial_id

    def checkpoints(self, trial_id: str) -> Path:
        return self.trial(trial_id) / "checkpoints"

    def checkpoint_address(self, trial_id: str) -> str:
        """Returns the folder or the address of a trial's checkpoints; a bucket's are downloaded only when needed."""
        return self.address(self.checkpoints(trial_id))
