"""What a worker is told of a trial: a plain dict, checked on arrival."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from typing import Any

from foundation.buckets import join
from foundation.errors import UserError, nearest


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know of a trial; crosses to it as a plain dict."""

    trial_id: str
    number: int
    task: str
    task_options: dict[str, Any]
    base_model: str  # folder
    train: str  # folder of the tokenised split
    dev: str
    config: dict[str, Any]  # parameter -> value, by the names of `trainables.training.parameters`
    seed: int
    metric: str
    mode: str
    eval_every: float  # epochs
    max_epochs: float  # where the trial ends
    folder: str  # of the trial; this, and every other folder here, may be an address in a bucket
    weights_seed: int | None = None  # of fresh weights, where the base model was never trained
    trust_remote_code: bool = False  # of the base model
    decided_epoch: float = 0.0  # up to here the search has said "go on" already
    evaluations: list[list[float]] = field(default_factory=list)  # epoch and value of `metric`, as the search knows
    memory: str = ""  # folder of what is known to fit; empty: the trial's own
    tracking: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Job:
        """Check the names.

        Raises:
            UserError: a key that no worker reads, or one missing.
        """
        known = {entry.name: entry for entry in fields(cls)}
        for name in given:
            if name not in known:
                raise UserError(f"job key {name!r} is unknown", ", ".join(known), nearest(name, known))
        missing = [name for name, entry in known.items() if name not in given and _needed(entry)]
        if missing:
            raise UserError(f"job without {', '.join(missing)}", ", ".join(known))
        return cls(**given)

    @property
    def checkpoints(self) -> str:
        """Where the trial's checkpoints lie."""
        return join(self.folder, "checkpoints")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _needed(entry: Field[Any]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING
