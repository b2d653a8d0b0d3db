"""Settings of one trial's W&B run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

#: How W&B keeps a run: on its server, in files on this machine, or not at all.
Mode = Literal["online", "offline", "disabled"]


class RunSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Settings of one trial's W&B run.

    Args:
        folder: where wandb writes the run's files, below `wandb/`. May be an address in a bucket: then the run's files
            are written on this machine and uploaded when the run ends.
        record: file that says in which mode the run was kept. May be an address in a bucket.
        config: the trial's configuration as the run shows it.
        open_seconds: time limit for opening the run; wandb's default is 90 s.
        finish_seconds: time limit for finishing it; wandb may wait 1,800 s for runs that were cut off.
    """

    mode: Mode
    project: str
    run_id: str
    name: str
    group: str
    folder: str
    record: str
    entity: str | None = None
    tags: tuple[str, ...] = ()
    config: Mapping[str, Any] = {}
    open_seconds: float = 30.0
    finish_seconds: float = 30.0
