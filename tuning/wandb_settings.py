"""Where trials are logged: W&B settings that all trials of a study share. No Ray."""

from __future__ import annotations

import os
from typing import Any

from search_spaces.choices import WandbMode
from tuning.studies.study import Study


def tracking_settings(study: Study) -> dict[str, Any] | None:
    """W&B settings shared by all trials; `auto` is online where there is a key, offline in the study folder else."""
    wanted = study.space.wandb
    if wanted.mode == WandbMode.DISABLED:
        return None
    mode = wanted.mode
    if mode == WandbMode.AUTO:
        mode = WandbMode.ONLINE if has_wandb_key() else WandbMode.OFFLINE
    return {
        "mode": mode,
        "project": wanted.project,
        "entity": wanted.entity,
        "tags": [study.space.name, study.space.task, *wanted.tags],
        "folder": study.paths.address(study.paths.root),
    }


def has_wandb_key() -> bool:
    """Whether wandb would find a key without asking for one."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import netrc
    from urllib.parse import urlsplit

    import wandb

    try:
        return netrc.netrc().authenticators(urlsplit(wandb.setup().settings.base_url).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
