"""W&B settings that all trials of a study share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from foundation.errors import UserError, nearest
from search_spaces.choices import Tracking, WandbMode
from search_spaces.schema import Space
from tuning.studies.study import Study

#: WANDB_MODE -> mode; wandb still reads `run` and `dryrun`.
_MODES = {
    "online": WandbMode.ONLINE,
    "offline": WandbMode.OFFLINE,
    "disabled": WandbMode.DISABLED,
    "run": WandbMode.ONLINE,
    "dryrun": WandbMode.OFFLINE,
}
_NOT_ONLINE = (WandbMode.OFFLINE, WandbMode.DISABLED)
#: What adds W&B to a choice without it.
_WITH_WANDB = {Tracking.TENSORBOARD: Tracking.BOTH, Tracking.NONE: Tracking.WANDB}


@dataclass(frozen=True)
class TrackingSettings:
    """W&B settings that all trials of a study share.

    Args:
        folder: Folder or address of the study, or WANDB_DIR; offline runs are kept below `wandb/` in it.
    """

    mode: WandbMode
    project: str
    entity: str | None
    tags: tuple[str, ...]
    folder: str


def environment_settings(environment: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    """Returns what W&B's environment variables set, by the keys of the section `wandb` of a search space.

    Search spaces and the command line override it, as arguments of `wandb.init` do.

    Raises:
        UserError: WANDB_MODE is no mode.
    """
    tags = [tag.strip() for tag in environment.get("WANDB_TAGS", "").split(",")]
    settings = {
        "mode": environment_mode(environment),
        "project": environment.get("WANDB_PROJECT"),
        "entity": environment.get("WANDB_ENTITY"),
        "tags": [tag for tag in tags if tag],
    }
    return {name: value for name, value in settings.items() if value}


def environment_mode(environment: Mapping[str, str] = os.environ) -> WandbMode | None:
    """Returns the mode in WANDB_MODE, or disabled with WANDB_DISABLED; None if neither is set.

    Raises:
        UserError: WANDB_MODE is no mode.
    """
    written = environment.get("WANDB_MODE", "")
    if written and written not in _MODES:
        raise UserError(f"WANDB_MODE={written}", ", ".join(_MODES), nearest(written, _MODES) or "unset WANDB_MODE")
    if environment.get("WANDB_DISABLED", "").lower() in ("1", "true", "yes", "on"):
        return WandbMode.DISABLED
    return _MODES.get(written)


def check_mode(space: Space) -> None:
    """Checks that `tracking`, `wandb.mode` and the environment do not contradict each other.

    Raises:
        UserError: the space is online, and the environment is not; or one setting asks for W&B and another for none.
    """
    mode, tracking = environment_mode(), space.tracking
    asks_for_runs = space.wandb.mode not in (WandbMode.AUTO, WandbMode.DISABLED, mode)  # WANDB_MODE asks for none
    if asks_for_runs and not tracking.uses_wandb:
        problem = f"wandb.mode is {space.wandb.mode}, and tracking is {tracking}: trials have no W&B run"
        todo = f"remove wandb.mode, or --set tracking={_WITH_WANDB[tracking]}"
        raise UserError(problem, "wandb.mode with tracking wandb or both", todo)
    if space.wandb.mode is WandbMode.DISABLED and tracking is Tracking.BOTH and mode is not WandbMode.DISABLED:
        problem = "tracking is both, and wandb.mode is disabled: trials have no W&B run"
        raise UserError(problem, "one of the two", "--set tracking=tensorboard, or remove wandb.mode")
    if space.wandb.mode is WandbMode.ONLINE and mode in _NOT_ONLINE:
        variable = "WANDB_MODE" if os.environ.get("WANDB_MODE") else "WANDB_DISABLED"
        problem = f"wandb.mode is online, and {variable}={os.environ[variable]} in the environment"
        raise UserError(problem, "one of the two", f"unset {variable}, or --set wandb.mode={mode}")


def tracking_settings(study: Study) -> TrackingSettings | None:
    """Returns the W&B settings of a study; None for no runs.

    The mode `auto` is that of the environment; without one it is online if there is a W&B key, else offline. No run is
    online if the environment says offline or disabled, which matters when a study is resumed elsewhere.
    """
    wandb, mode = study.space.wandb, study.space.wandb.mode
    environment = environment_mode()
    if mode is WandbMode.AUTO:
        mode = environment or (WandbMode.ONLINE if has_wandb_key() else WandbMode.OFFLINE)
    elif mode is WandbMode.ONLINE and environment in _NOT_ONLINE:
        mode = environment
    if mode is WandbMode.DISABLED or not study.space.tracking.uses_wandb:
        return None
    folder = os.environ.get("WANDB_DIR")
    return TrackingSettings(
        mode=mode,
        project=wandb.project,
        entity=wandb.entity,
        tags=(study.space.name, study.space.task, *wandb.tags),
        # The files of a study in a bucket are uploaded there from a scratch folder of each machine.
        folder=os.path.abspath(folder) if folder and not study.paths.bucket else study.paths.address(study.paths.root),
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
