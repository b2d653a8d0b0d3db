"""W&B settings that all trials of a study share."""

from __future__ import annotations

import os
from dataclasses import dataclass

from search_spaces.choices import WandbMode
from tuning.studies.study import Study


@dataclass(frozen=True)
class TrackingSettings:
    """W&B settings that all trials of a study share.

    Args:
        folder: Folder or address of the study; offline runs are kept below `wandb/` in it.
    """

    mode: WandbMode
    project: str
    entity: str | None
    tags: tuple[str, ...]
    folder: str


def tracking_settings(study: Study) -> TrackingSettings | None:
    """Returns the W&B settings of a study; None to log nothing.

    The mode `auto` is online if there is a W&B key, else offline.
    """
    wandb = study.space.wandb
    if wandb.mode == WandbMode.DISABLED:
        return None
    is_online = has_wandb_key() if wandb.mode == WandbMode.AUTO else wandb.mode == WandbMode.ONLINE
    return TrackingSettings(
        mode=WandbMode.ONLINE if is_online else WandbMode.OFFLINE,
        project=wandb.project,
        entity=wandb.entity,
        tags=(study.space.name, study.space.task, *wandb.tags),
        folder=study.paths.address(study.paths.root),
    )


def has_wandb_key() -> bool:
    """Whether wandb has a key, from the environment or `~/.netrc`, so that it asks for none."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import netrc
    from urllib.parse import urlsplit

    from trainables.tracking.wandb_internals import server_url

    try:
        return netrc.netrc().authenticators(urlsplit(server_url()).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False
